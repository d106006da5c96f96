package kafka

import (
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

const mechanismPlain = sarama.SASLTypePlaintext

// hashOf returns the hash of a SCRAM mechanism, nil if it is none.
func hashOf(mechanism string) func() hash.Hash {
	switch mechanism {
	case sarama.SASLTypeSCRAMSHA256:
		return sha256.New
	case sarama.SASLTypeSCRAMSHA512:
		return sha512.New
	}
	return nil
}

func (a *SASL) apply(s *sarama.Config) error {
	s.Net.SASL.Enable = true
	s.Net.SASL.User = a.User
	s.Net.SASL.Password = a.Password
	s.Net.SASL.Mechanism = sarama.SASLMechanism(a.Mechanism)
	if a.Mechanism == mechanismPlain {
		return nil
	}
	sum := hashOf(a.Mechanism)
	if sum == nil {
		return fmt.Errorf("SASL mechanism %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", a.Mechanism)
	}
	s.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: sum} }
	return nil
}

var errNotPrepared = errors.New("the user or the password has a character that SCRAM does not allow, such as a line end")

// scramClient lets sarama use xdg-go/scram.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

// Begin starts a conversation.
func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err != nil {
		return errNotPrepared // the error's own text has the password
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step answers the server's challenge.
func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

// Done reports whether the conversation is over.
func (c *scramClient) Done() bool { return c.conversation.Done() }
