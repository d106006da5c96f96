// Package outage logs that something is away without flooding the log: when it
// begins, now and then while it lasts, and when it is over.
package outage

import (
	"log/slog"
	"time"
)

// remindEvery is how often an outage that lasts is logged again.
const remindEvery = 30 * time.Second

// Log tells of one thing's outages. The zero Log is ready for use, by one
// goroutine at a time.
type Log struct {
	since time.Time // when the outage began; zero while there is none
	said  time.Time // when it was last logged
	tries int
}

// Failed notes a failed try. It logs text as a warning, with err and attrs, when
// the outage begins and every half minute while it lasts.
func (l *Log) Failed(to *slog.Logger, text string, err error, attrs ...any) {
	now := time.Now()
	if l.tries++; l.tries == 1 {
		l.since = now
	} else if now.Sub(l.said) < remindEvery {
		return
	}
	l.said = now
	to.Warn(text, append(attrs, "tries", l.tries, "for", now.Sub(l.since).Round(time.Millisecond), "err", err)...)
}

// Over notes a success. It logs text if an outage has come to its end.
func (l *Log) Over(to *slog.Logger, text string) {
	if l.tries == 0 {
		return
	}
	to.Info(text, "tries", l.tries, "after", time.Since(l.since).Round(time.Millisecond))
	*l = Log{}
}
