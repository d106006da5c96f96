package journal

import (
	"context"
	"log/slog"

	"bongsu/internal/kafka"
)

// TopicName is the journal's topic.
const TopicName = "bongsu.journal.v1"

// Group is the consumer group whose assignment says which node owns which shard.
const Group = "bongsu-journal"

// Ensure makes the journal with the given number of shards if there is none, and
// returns how many it has. An existing journal keeps its shards for life: they
// win over the setting, and a warning is logged. The broker's clock stamps the
// records, so that times do not depend on which node appended. Records stay for
// seven days: by then the timeline must have them. While Kafka is away the error
// wraps hub.ErrUnavailable.
func Ensure(ctx context.Context, cfg kafka.Config, shards int32, log *slog.Logger) (int32, error) {
	counts, err := kafka.EnsureTopics(ctx, cfg, []kafka.Topic{{
		Name: TopicName, Partitions: shards, Settings: map[string]string{
			"cleanup.policy":         "delete",
			"retention.ms":           "604800000",
			"message.timestamp.type": "LogAppendTime",
		},
	}})
	if err != nil {
		return 0, err
	}
	if is := counts[TopicName]; is != shards {
		log.Warn("the journal has another number of shards than BONGSU_KAFKA_SHARDS says; the journal's counts",
			"shards", is, "set", shards)
	}
	return counts[TopicName], nil
}
