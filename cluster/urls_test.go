package cluster

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestThePageOfANodeThatHasGoneIsRememberedForAnHour(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	u := newURLs()
	u.note(now, []string{"http://a", "http://b"})
	u.note(now.Add(time.Minute), []string{"http://a"})
	if got := *u.living.Load(); !slices.Equal(got, []string{"http://a"}) {
		t.Errorf("living %v", got)
	}
	if got := *u.pages.Load(); !slices.Equal(got, []string{"http://a", "http://b"}) {
		t.Errorf("pages %v", got)
	}
	u.note(now.Add(2*time.Minute), []string{"http://a", "http://b"})
	if got := *u.pages.Load(); !slices.Equal(got, []string{"http://a", "http://b"}) {
		t.Errorf("pages %v after it came back", got)
	}
	u.note(now.Add(3*time.Minute), []string{"http://a"})
	u.note(now.Add(time.Hour), []string{"http://a"})
	if got := *u.pages.Load(); !slices.Equal(got, []string{"http://a", "http://b"}) {
		t.Errorf("pages %v within the hour", got)
	}
	u.note(now.Add(time.Hour+4*time.Minute), []string{"http://a"})
	if got := *u.pages.Load(); !slices.Equal(got, []string{"http://a"}) {
		t.Errorf("pages %v after an hour", got)
	}
}

func TestNotMorePagesAreRememberedThanTheBound(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	u := newURLs()
	for i := range 2 * maxPages {
		u.note(now.Add(time.Duration(i)*time.Second), []string{"http://own", fmt.Sprintf("http://%d", i)})
	}
	if got := len(*u.pages.Load()); got != maxPages+2 {
		t.Errorf("%d pages", got)
	}
	if len(u.gone) != maxPages || slices.Contains(*u.pages.Load(), "http://0") {
		t.Errorf("%d remembered, the oldest among them", len(u.gone))
	}
}
