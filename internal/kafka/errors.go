package kafka

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
)

// Classify gives an error of the client one of the hub's classes: ErrInvalid
// where the record itself is at fault, ErrUnavailable for everything that a
// later call can overcome, a change of Kafka's settings included. The errors of
// a context, and those that have a class already, are returned as they are.
func Classify(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, hub.ErrInvalid), errors.Is(err, hub.ErrUnavailable):
		return err
	case errors.Is(err, sarama.ErrMessageSizeTooLarge), errors.Is(err, sarama.ErrInvalidMessageSize):
		return hub.Invalidf("Kafka refuses the record: %v", err)
	}
	return hub.Unavailablef("Kafka: %w", err)
}

// Disconnected reports whether err says that the connection is at fault, so
// that what became of the request is not known.
func Disconnected(err error) bool {
	var network net.Error
	return errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, sarama.ErrNotConnected) || errors.Is(err, sarama.ErrOutOfBrokers) ||
		errors.Is(err, sarama.ErrClosedClient) || errors.Is(err, sarama.ErrBrokerNotAvailable)
}

// Retriable reports whether a broker that answered with err may accept the same
// request a little later, perhaps on another broker.
func Retriable(err error) bool {
	for _, passing := range []sarama.KError{
		sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition,
		sarama.ErrRequestTimedOut, sarama.ErrBrokerNotAvailable, sarama.ErrReplicaNotAvailable,
		sarama.ErrNetworkException, sarama.ErrNotEnoughReplicas, sarama.ErrNotEnoughReplicasAfterAppend,
		sarama.ErrKafkaStorageError, sarama.ErrFencedLeaderEpoch, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrOffsetsLoadInProgress, sarama.ErrConsumerCoordinatorNotAvailable,
		sarama.ErrNotCoordinatorForConsumer,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}
