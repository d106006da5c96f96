package kafka

import (
	"errors"
	"fmt"

	"github.com/IBM/sarama"
)

// leaveVersion is the first version of LeaveGroup by which one client can name
// another member (KIP-345).
const leaveVersion = 3

// evict removes the group's members of this client id: what is left of a process
// of the same name that was killed. The group would otherwise wait for its
// session to time out. A member that lives notices at its next heartbeat and
// joins again.
func (g *Group) evict(client sarama.Client) error {
	admin, err := sarama.NewClusterAdminFromClient(client)
	if err != nil {
		return err // admin is not closed: that would close the client
	}
	groups, err := admin.DescribeConsumerGroups([]string{g.id})
	if err != nil {
		return err
	}
	var left []sarama.MemberIdentity
	for _, group := range groups {
		for _, member := range group.Members {
			if member.ClientId == g.cfg.ClientID {
				left = append(left, sarama.MemberIdentity{MemberId: member.MemberId})
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	coordinator, err := client.Coordinator(g.id)
	if err != nil {
		return err
	}
	response, err := coordinator.LeaveGroup(&sarama.LeaveGroupRequest{Version: leaveVersion, GroupId: g.id, Members: left})
	if err != nil {
		return err
	}
	if response.Err != sarama.ErrNoError {
		return fmt.Errorf("leave for %d members: %w", len(left), response.Err)
	}
	g.log.Info("removed what a killed process of this name had left in the consumer group", "members", len(left))
	return nil
}

// harmless reports whether evict failed because there is nothing to remove yet.
func harmless(err error) bool {
	return errors.Is(err, sarama.ErrGroupIDNotFound) || errors.Is(err, sarama.ErrUnknownMemberId)
}
