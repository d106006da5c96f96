package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// leaveVersion is the first version of LeaveGroup by which one client can name
// another member (KIP-345).
const leaveVersion = 3

// describeVersion is one that the oldest brokers know.
const describeVersion = 3

// Evict removes the members that have this client id from the groups: what a
// process has left there that was killed or that hangs. The groups would
// otherwise wait for them until their sessions time out; a rebalance that waits
// for them goes on at once. A member that lives after all is told at its next
// heartbeat, ends its claims and joins again. A group that members with another
// fingerprint are at work in is left alone. It returns how many were removed;
// groups and members that do not exist are no error. The error wraps
// hub.ErrUnavailable. ctx is looked at between requests, each of which is
// bounded.
func Evict(ctx context.Context, cfg Config, groups []string, clientID string) (int, error) {
	settings, err := cfg.Sarama()
	if err != nil {
		return 0, err
	}
	client, err := sarama.NewClient(cfg.Brokers, settings)
	if err != nil {
		return 0, Classify(err)
	}
	defer func() { _ = client.Close() }()
	removed := 0
	var failed error
	for _, group := range groups {
		if err := ctx.Err(); err != nil {
			return removed, err
		}
		count, err := evict(client, group, clientID, cfg.Fingerprint)
		removed += count
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("remove %s from %s: %w", clientID, group, Classify(err)))
		}
	}
	return removed, failed
}

// evict removes the members of one group.
func evict(client sarama.Client, group, clientID, fingerprint string) (int, error) {
	coordinator, err := client.Coordinator(group)
	if err != nil {
		return 0, err
	}
	described, err := coordinator.DescribeGroups(&sarama.DescribeGroupsRequest{Version: describeVersion, Groups: []string{group}})
	if err != nil {
		return 0, err
	}
	var left []sarama.MemberIdentity
	for _, group := range described.Groups {
		if group.Err != sarama.ErrNoError && group.Err != sarama.ErrGroupIDNotFound {
			return 0, group.Err
		}
		// While a rebalance is under way there is no protocol.
		if group.Protocol != "" && group.Protocol != protocolName(fingerprint) {
			return 0, nil
		}
		for _, member := range group.Members {
			if member.ClientId == clientID {
				left = append(left, sarama.MemberIdentity{MemberId: member.MemberId})
			}
		}
	}
	if len(left) == 0 {
		return 0, nil
	}
	response, err := coordinator.LeaveGroup(&sarama.LeaveGroupRequest{Version: leaveVersion, GroupId: group, Members: left})
	if err != nil {
		return 0, err
	}
	if response.Err != sarama.ErrNoError {
		return 0, response.Err
	}
	removed := 0
	for _, member := range response.Members {
		switch member.Err {
		case sarama.ErrNoError:
			removed++
		case sarama.ErrUnknownMemberId: // somebody else was faster
		default:
			err = member.Err
		}
	}
	return removed, err
}
