package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/IBM/sarama"

	"bongsu/internal/hub"
)

// Topic is a topic that must exist.
type Topic struct {
	Name string
	// Partitions is how many it gets if it does not exist yet.
	Partitions int32
	// Settings are Kafka's topic settings that it gets then.
	Settings map[string]string
}

// EnsureTopics creates the topics that do not exist yet, with the brokers'
// default replication, and returns the partition count of each as it is. An
// existing topic is left as it is, with however many partitions. While Kafka is away
// the error wraps hub.ErrUnavailable. ctx is looked at between requests, each of which
// is bounded.
func EnsureTopics(ctx context.Context, cfg Config, topics []Topic) (map[string]int32, error) {
	settings, err := cfg.Sarama()
	if err != nil {
		return nil, err
	}
	admin, err := sarama.NewClusterAdmin(cfg.Brokers, settings)
	if err != nil {
		return nil, Classify(err)
	}
	defer func() { _ = admin.Close() }()
	counts := make(map[string]int32, len(topics))
	for _, topic := range topics {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		count, err := ensure(admin, topic)
		if err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic.Name, Classify(err))
		}
		counts[topic.Name] = count
	}
	return counts, nil
}

func ensure(admin sarama.ClusterAdmin, topic Topic) (int32, error) {
	if count, err := partitions(admin, topic.Name); count > 0 || err != nil {
		return count, err
	}
	detail := &sarama.TopicDetail{
		NumPartitions:     topic.Partitions,
		ReplicationFactor: -1, // the brokers' default
		ConfigEntries:     make(map[string]*string, len(topic.Settings)),
	}
	for name, value := range topic.Settings {
		detail.ConfigEntries[name] = &value
	}
	err := admin.CreateTopic(topic.Name, detail, false)
	switch {
	case err == nil:
		return topic.Partitions, nil
	case errors.Is(err, sarama.ErrTopicAlreadyExists): // another node was faster
		count, err := partitions(admin, topic.Name)
		if err == nil && count == 0 {
			err = hub.Unavailablef("it was made a moment ago and not every broker knows it yet")
		}
		return count, err
	}
	return 0, err
}

// partitions returns how many partitions the topic has, 0 if it does not exist.
func partitions(admin sarama.ClusterAdmin, name string) (int32, error) {
	found, err := admin.DescribeTopics([]string{name})
	if err != nil {
		return 0, err
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("asked for one topic, got %d", len(found))
	}
	switch found[0].Err {
	case sarama.ErrNoError, sarama.ErrLeaderNotAvailable:
		return int32(len(found[0].Partitions)), nil
	case sarama.ErrUnknownTopicOrPartition:
		return 0, nil
	}
	return 0, found[0].Err
}
