// Package await is how tests wait for what others do meanwhile.
package await

import (
	"testing"
	"time"
)

const (
	// patience is how long a test waits before it fails: longer than anything takes,
	// however busy the machine is.
	patience = time.Minute
	// look is how often it looks.
	look = 2 * time.Millisecond
	// tries is how often something may be slow before it is what is slow.
	tries = 4
)

// That waits until a condition holds, and ends the test if it does not within a minute.
// It calls holds every few milliseconds, in the goroutine of the test.
func That(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(look) {
		if time.Now().After(end) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// AtMost fails the test if something takes longer than most each time of four. A busy
// machine is slow now and then; what waits for the wrong thing is so every time. do is
// called again after it was too slow, and returns how long it took.
func AtMost(t testing.TB, most time.Duration, do func() (took time.Duration)) {
	t.Helper()
	var took time.Duration
	for range tries {
		if took = do(); took <= most {
			return
		}
	}
	t.Errorf("it took %s at last, and more than %s each time", took, most)
}
