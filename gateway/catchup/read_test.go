package catchup

import (
	"testing"
	"time"

	"bongsu/internal/hub"
)

func TestASeqBeyondTheHeadMeansTheHeadOnceThatIsCertain(t *testing.T) {
	type answer struct {
		at      time.Duration
		head    uint64
		unsure  bool
		mark    uint64
		certain bool
	}
	for name, c := range map[string]struct {
		seq     uint64
		answers []answer
	}{
		"below the head":                      {7, []answer{{0, 10, false, 7, true}}},
		"the head, and the owner is not sure": {10, []answer{{0, 10, true, 10, true}}},
		"beyond it": {11, []answer{
			{0, 10, false, 10, false}, {settled - 1, 10, false, 10, false}, {settled, 10, false, 10, true},
		}},
		"the owner is never sure": {11, []answer{{0, 10, true, 10, false}, {time.Hour, 10, true, 10, false}}},
		"the owner was unsure for a while": {11, []answer{
			{0, 10, false, 10, false}, {settled - 1, 10, true, 10, false}, {settled, 10, false, 10, false}, {2 * settled, 10, false, 10, true},
		}},
		"another owner knows more": {11, []answer{{0, 10, true, 10, false}, {1, 12, false, 11, true}}},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			reading := NewReading(c.seq)
			for _, a := range c.answers {
				head := hub.Head{Stream: "all", Seq: a.head, Unsure: a.unsure}
				if mark, certain := reading.Take(head, began.Add(a.at)); mark != a.mark || certain != a.certain {
					t.Errorf("%+v: read up to %d, certain: %t", a, mark, certain)
				}
			}
		})
	}
}
