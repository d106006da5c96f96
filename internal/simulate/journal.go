package simulate

import (
	"time"

	"bongsu/internal/hub"
)

// journal is a model of the Kafka topic: a log for each shard, which loses nothing
// that it has acknowledged.
type journal struct {
	world *world
	logs  [][]hub.Record
	away  bool
}

func newJournal(w *world, shards int) *journal {
	return &journal{world: w, logs: make([][]hub.Record, shards)}
}

// append puts a record behind the others of its shard and returns its offset, or
// false while Kafka is away.
func (j *journal) append(r hub.Record) (offset int64, ok bool) {
	if j.away {
		return 0, false
	}
	shard := r.Stream.Shard(int32(len(j.logs)))
	r.Offset = int64(len(j.logs[shard]))
	// The brokers' clocks differ, and may be set back.
	r.Time = 1_000_000 + (j.world.now + j.world.between(-200*time.Millisecond, 200*time.Millisecond)).Milliseconds()
	j.logs[shard] = append(j.logs[shard], r)
	return r.Offset, true
}

// end returns the offset after the newest record of a shard.
func (j *journal) end(shard int32) int64 { return int64(len(j.logs[shard])) }

// read returns some records from an offset on.
func (j *journal) read(shard int32, from int64, most int) []hub.Record {
	log := j.logs[shard]
	if from >= int64(len(log)) {
		return nil
	}
	return log[from:min(len(log), int(from)+most)]
}
