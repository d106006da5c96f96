package kafka

import (
	"errors"

	"github.com/IBM/sarama"
)

// position says where a claim starts, and where its partition ended then.
type position struct{ from, end int64 }

// positions asks where to start. It asks for all at once: one request to the
// coordinator, and two to each leader. With an error it returns what it knows.
func (h *holdings) positions(batch []*holding) (map[partition]position, error) {
	committed, err := h.committed(batch)
	if err != nil {
		return nil, err
	}
	newest, err := h.offsets(batch, sarama.OffsetNewest)
	oldest, also := h.offsets(batch, sarama.OffsetOldest)
	found := make(map[partition]position, len(batch))
	for _, c := range batch {
		from, known := committed[c.partition]
		end, ended := newest[c.partition]
		first, begun := oldest[c.partition]
		if !known || !ended || !begun {
			continue
		}
		if from >= 0 && (from < first || from > end) {
			h.group.log.Warn("the committed offset is not there any more; starting at the oldest record",
				"topic", c.topic, "partition", c.id, "committed", from, "oldest", first, "end", end)
			from = first
		}
		if from < 0 {
			from = first
		}
		found[c.partition] = position{from, end}
	}
	return found, errors.Join(err, also)
}

// committed returns the committed offsets, -1 where there is none.
func (h *holdings) committed(batch []*holding) (map[partition]int64, error) {
	topics := make(map[string][]int32)
	for _, c := range batch {
		topics[c.topic] = append(topics[c.topic], c.id)
	}
	coordinator, err := h.control.Coordinator(h.group.id)
	if err != nil {
		return nil, err
	}
	response, err := coordinator.FetchOffset(sarama.NewOffsetFetchRequest(oldestBroker, h.group.id, topics))
	if err != nil {
		_ = coordinator.Close() // the next call connects again
		return nil, errors.Join(err, h.control.RefreshCoordinator(h.group.id))
	}
	if response.Err != sarama.ErrNoError {
		return nil, errors.Join(response.Err, h.control.RefreshCoordinator(h.group.id))
	}
	committed := make(map[partition]int64, len(batch))
	for _, c := range batch {
		switch block := response.GetBlock(c.topic, c.id); {
		case block == nil:
			err = sarama.ErrIncompleteResponse
		case block.Err != sarama.ErrNoError:
			err = block.Err
		default:
			committed[c.partition] = block.Offset
		}
	}
	if len(committed) == 0 {
		return nil, err
	}
	return committed, nil
}

// offsets returns the oldest or the newest offset of partitions, of those whose
// leaders answer.
func (h *holdings) offsets(batch []*holding, which int64) (map[partition]int64, error) {
	var failed error
	requests := make(map[*sarama.Broker]*sarama.OffsetRequest)
	for _, c := range batch {
		leader, err := h.control.Leader(c.topic, c.id)
		if err != nil {
			failed = err
			continue
		}
		if requests[leader] == nil {
			requests[leader] = sarama.NewOffsetRequest(oldestBroker)
		}
		requests[leader].AddBlock(c.topic, c.id, which, 1)
	}
	offsets := make(map[partition]int64, len(batch))
	for leader, request := range requests {
		response, err := leader.GetAvailableOffsets(request)
		if err != nil {
			_ = leader.Close() // the next call connects again
			failed = err
			continue
		}
		for topic, blocks := range response.Blocks {
			for id, block := range blocks {
				if block.Err != sarama.ErrNoError {
					failed = block.Err
				} else {
					offsets[partition{topic, id}] = block.Offset
				}
			}
		}
	}
	if failed != nil {
		failed = errors.Join(failed, h.control.RefreshMetadata(h.group.topics...))
	}
	return offsets, failed
}
