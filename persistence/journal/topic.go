package journal

import "bongsu/internal/kafka"

// TopicName is the journal's topic.
const TopicName = "bongsu.journal.v1"

// Group is the consumer group whose assignment says which node owns which shard.
const Group = "bongsu-journal"

// Topic describes the journal for kafka.EnsureTopics. shards counts only when
// the journal is made: an existing journal keeps its partitions for life. The
// broker's clock stamps the records, so that times do not depend on which node
// appended. Records stay for seven days: by then the timeline must have them.
func Topic(shards int32) kafka.Topic {
	return kafka.Topic{Name: TopicName, Partitions: shards, Settings: map[string]string{
		"cleanup.policy":         "delete",
		"retention.ms":           "604800000",
		"message.timestamp.type": "LogAppendTime",
	}}
}
