package kafka

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"

	"github.com/IBM/sarama"
	"github.com/xdg-go/scram"
)

func (a *SASL) apply(s *sarama.Config) error {
	s.Net.SASL.Enable = true
	s.Net.SASL.User = a.User
	s.Net.SASL.Password = a.Password
	s.Net.SASL.Mechanism = sarama.SASLMechanism(a.Mechanism)
	var sum func() hash.Hash
	switch a.Mechanism {
	case sarama.SASLTypePlaintext:
		return nil
	case sarama.SASLTypeSCRAMSHA256:
		sum = sha256.New
	case sarama.SASLTypeSCRAMSHA512:
		sum = sha512.New
	default:
		return fmt.Errorf("SASL mechanism %q: want PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", a.Mechanism)
	}
	s.Net.SASL.SCRAMClientGeneratorFunc = func() sarama.SCRAMClient { return &scramClient{hash: sum} }
	return nil
}

// scramClient lets sarama use xdg-go/scram.
type scramClient struct {
	hash         scram.HashGeneratorFcn
	conversation *scram.ClientConversation
}

// Begin starts a conversation.
func (c *scramClient) Begin(user, password, authzID string) error {
	client, err := c.hash.NewClient(user, password, authzID)
	if err != nil {
		return err
	}
	c.conversation = client.NewConversation()
	return nil
}

// Step answers the server's challenge.
func (c *scramClient) Step(challenge string) (string, error) { return c.conversation.Step(challenge) }

// Done reports whether the conversation is over.
func (c *scramClient) Done() bool { return c.conversation.Done() }
