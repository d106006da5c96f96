package await_test

import (
	"testing"
	"testing/synctest"
	"time"

	"bongsu/internal/await"
)

// verdict is a test that does not end when it fails.
type verdict struct {
	testing.TB
	failed, ended bool
}

func (v *verdict) Helper()               {}
func (v *verdict) Errorf(string, ...any) { v.failed = true }
func (v *verdict) Fatalf(string, ...any) { v.ended = true; panic(v) }

func TestAConditionIsAwaitedForAMinute(t *testing.T) {
	for after, want := range map[time.Duration]bool{0: false, 59 * time.Second: false, 62 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			v, begun := &verdict{}, time.Now()
			func() {
				defer func() { _ = recover() }()
				await.That(v, "time passes", func() bool { return time.Since(begun) >= after })
			}()
			if v.ended != want {
				t.Errorf("what holds after %s ended the test: %v", after, v.ended)
			}
		})
	}
}

func TestOneQuickTimeOfFourIsEnough(t *testing.T) {
	for _, test := range []struct {
		took   []time.Duration
		failed bool
	}{
		{[]time.Duration{1}, false},
		{[]time.Duration{9, 9, 9, 1}, false},
		{[]time.Duration{9, 9, 9, 9, 1}, true},
	} {
		v, times := &verdict{}, 0
		await.AtMost(v, 5, func() time.Duration { times++; return test.took[times-1] })
		if v.failed != test.failed || times != min(len(test.took), 4) {
			t.Errorf("%v: failed %v after %d times", test.took, v.failed, times)
		}
	}
}
