package rules

import (
	"math/rand/v2"
	"testing"
)

func TestWatermarkIsTheLowestUnfinishedOffset(t *testing.T) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var w Watermark
		open := map[int64]bool{}
		next := int64(0)
		for range 4000 {
			if rng.IntN(2) == 0 {
				next += int64(rng.IntN(3)) // journals have holes
				w.Add(next)
				open[next] = true
				next++
			} else {
				for offset := range open { // any one
					w.Finish(offset)
					delete(open, offset)
					break
				}
			}
			want := next
			for offset := range open {
				want = min(want, offset)
			}
			if got := w.Low(); got != want && !(len(open) == 0 && got <= want) {
				t.Fatalf("seed %d: Low() = %d, want %d with %d unfinished", seed, got, want, len(open))
			}
		}
	}
}

func TestWatermarkPassesOffsetsThatNeedNoFinishing(t *testing.T) {
	var w Watermark
	w.Add(3)
	w.Skip(10)
	if w.Low() != 3 {
		t.Errorf("Low() = %d while 3 is unfinished", w.Low())
	}
	w.Finish(3)
	w.Finish(3)
	w.Finish(99)
	if w.Low() != 10 || w.Unfinished() != 0 {
		t.Errorf("Low() = %d with %d unfinished, want 10 with none", w.Low(), w.Unfinished())
	}
}
