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

// Remains are the memberships that a process has in consumer groups: once it was
// killed or hangs, what it has left there. The groups would otherwise wait for them
// until their sessions time out; a rebalance that waits for them goes on at once
// when they are removed.
type Remains struct {
	cfg      Config
	groups   []string
	clientID string
	members  map[string][]string // ids, by group; of those that were looked up
}

// Find looks up which members have this client id in the groups. It is to be called
// when the process is found dead: a member that lives after all, and is removed,
// joins again as another, which is not among these. What cannot be looked up now is
// when it is to be removed. ctx is looked at between requests, each of which is
// bounded.
func Find(ctx context.Context, cfg Config, groups []string, clientID string) *Remains {
	r := &Remains{cfg: cfg, groups: groups, clientID: clientID, members: map[string][]string{}}
	_ = r.each(ctx, r.find)
	return r
}

// Remove removes them. A member that lives after all is told at its next heartbeat,
// ends its claims and joins again. A group that members with another fingerprint
// were at work in is left alone. It returns how many were removed; groups and members
// that do not exist are no error. The error wraps hub.ErrUnavailable; Remove can be
// called again then. ctx is heeded as by Find.
func (r *Remains) Remove(ctx context.Context) (int, error) {
	removed := 0
	err := r.each(ctx, func(client sarama.Client, group string) error {
		if err := r.find(client, group); err != nil {
			return err
		}
		count, err := remove(client, group, r.members[group])
		removed += count
		return err
	})
	return removed, err
}

// find looks up the members of one group, unless that is done.
func (r *Remains) find(client sarama.Client, group string) error {
	if _, ok := r.members[group]; ok {
		return nil
	}
	members, err := membersOf(client, group, r.clientID, r.cfg.Fingerprint)
	if err == nil {
		r.members[group] = members
	}
	return err
}

// each does something with each of the groups.
func (r *Remains) each(ctx context.Context, do func(client sarama.Client, group string) error) error {
	settings, err := r.cfg.Sarama()
	if err != nil {
		return err
	}
	client, err := sarama.NewClient(r.cfg.Brokers, settings)
	if err != nil {
		return Classify(err)
	}
	defer func() { _ = client.Close() }()
	var failed error
	for _, group := range r.groups {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := do(client, group); err != nil {
			failed = errors.Join(failed, fmt.Errorf("remove %s from %s: %w", r.clientID, group, Classify(err)))
		}
	}
	return failed
}

// membersOf returns the ids of the members of a group that have this client id; none
// if others than ours are at work in it.
func membersOf(client sarama.Client, group, clientID, fingerprint string) ([]string, error) {
	coordinator, err := client.Coordinator(group)
	if err != nil {
		return nil, err
	}
	described, err := coordinator.DescribeGroups(&sarama.DescribeGroupsRequest{Version: describeVersion, Groups: []string{group}})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, group := range described.Groups {
		if group.Err != sarama.ErrNoError && group.Err != sarama.ErrGroupIDNotFound {
			return nil, group.Err
		}
		// While a rebalance is under way there is no protocol.
		if group.Protocol != "" && group.Protocol != protocolName(fingerprint) {
			return nil, nil
		}
		for _, member := range group.Members {
			if member.ClientId == clientID {
				ids = append(ids, member.MemberId)
			}
		}
	}
	return ids, nil
}

// remove removes members of one group.
func remove(client sarama.Client, group string, ids []string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	coordinator, err := client.Coordinator(group)
	if err != nil {
		return 0, err
	}
	request := &sarama.LeaveGroupRequest{Version: leaveVersion, GroupId: group}
	for _, id := range ids {
		request.Members = append(request.Members, sarama.MemberIdentity{MemberId: id})
	}
	response, err := coordinator.LeaveGroup(request)
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
