package actors

import (
	"math/rand/v2"
	"testing"
)

func TestWatermarkIsTheLowestUnfinishedOffset(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var w watermark
		open := map[int64]bool{}
		next := int64(0)
		for range 4000 {
			if rng.IntN(2) == 0 {
				next += int64(rng.IntN(3)) // journals have holes
				w.add(next)
				open[next] = true
				next++
			} else {
				for offset := range open { // any one
					w.finish(offset)
					delete(open, offset)
					break
				}
			}
			want := next
			for offset := range open {
				want = min(want, offset)
			}
			if got := w.low(); got != want && !(len(open) == 0 && got <= want) {
				t.Fatalf("seed %d: low() = %d, want %d with %d unfinished", seed, got, want, len(open))
			}
		}
	}
}

func TestWatermarkPassesOffsetsThatNeedNoFinishing(t *testing.T) {
	var w watermark
	w.add(3)
	w.skip(10)
	if w.low() != 3 {
		t.Errorf("low() = %d while 3 is unfinished", w.low())
	}
	w.finish(3)
	w.finish(3)
	w.finish(99)
	if w.low() != 10 || w.unfinished() != 0 {
		t.Errorf("low() = %d with %d unfinished, want 10 with none", w.low(), w.unfinished())
	}
}
