package replay

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"

	"bongsu/internal/kafka"
)

// Topic is the journal's name.
const Topic = "bongsu.journal.v1"

// Reader reads the journal from its beginning, and on from where it stopped. It is
// not safe for use by several goroutines.
type Reader struct {
	client   sarama.Client
	consumer sarama.Consumer
	next     map[int32]int64
	count    Count
}

// Open returns a reader of the journal in the Kafka at addr. It belongs to no
// group and nobody notices it.
func Open(addr string) (*Reader, error) {
	settings, err := kafka.Config{Brokers: []string{addr}, ClientID: "bongsu-faults-replay"}.Consumer()
	if err != nil {
		return nil, err
	}
	settings.Consumer.Fetch.Default = 4 << 20
	client, err := sarama.NewClient([]string{addr}, settings)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	consumer, err := sarama.NewConsumerFromClient(client)
	if err != nil {
		_ = client.Close()
		return nil, fmt.Errorf("replay: %w", err)
	}
	return &Reader{client: client, consumer: consumer, next: map[int32]int64{}}, nil
}

// Close ends the reader.
func (r *Reader) Close() {
	_ = r.consumer.Close() // it has committed nothing
	_ = r.client.Close()
}

// Read reads up to the end as it is now and returns the count of all that there
// is. The count is the reader's: it grows with the next Read.
func (r *Reader) Read(ctx context.Context) (*Count, error) {
	partitions, err := r.client.Partitions(Topic)
	if err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	for _, partition := range partitions {
		end, err := r.client.GetOffset(Topic, partition, sarama.OffsetNewest)
		if err != nil {
			return nil, fmt.Errorf("replay: %w", err)
		}
		if err := r.readTo(ctx, partition, end); err != nil {
			return nil, fmt.Errorf("replay: partition %d: %w", partition, err)
		}
	}
	return &r.count, nil
}

func (r *Reader) readTo(ctx context.Context, partition int32, end int64) error {
	if r.next[partition] >= end {
		return nil
	}
	claim, err := r.consumer.ConsumePartition(Topic, partition, r.next[partition])
	if err != nil {
		return err
	}
	go func() {
		for range claim.Errors() { // it goes on by itself; ctx bounds how long
		}
	}()
	defer func() { _ = claim.Close() }()
	for r.next[partition] < end {
		select {
		case message, open := <-claim.Messages():
			if !open {
				return fmt.Errorf("the reading ended at %d, before %d", r.next[partition], end)
			}
			decoded, err := decode(message.Value)
			if err != nil {
				return fmt.Errorf("offset %d: %w", message.Offset, err)
			}
			r.count.add(string(message.Key), decoded)
			r.next[partition] = message.Offset + 1
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
