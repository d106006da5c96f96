package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/IBM/sarama"
)

// BridgeLogs sends what the Kafka client says of itself to log, at debug level:
// whatever matters comes back as an error to the part that called. The client
// has one logger a process, so this is for the program's start.
func BridgeLogs(log *slog.Logger) {
	sarama.Logger = clientLog{log.With("part", "sarama")}
}

// clientLog is a sarama.StdLogger.
type clientLog struct{ log *slog.Logger }

// Print logs its arguments as fmt.Sprint writes them.
func (l clientLog) Print(v ...any) {
	if l.on() {
		l.debug(fmt.Sprint(v...))
	}
}

// Println logs its arguments as fmt.Sprintln writes them.
func (l clientLog) Println(v ...any) {
	if l.on() {
		l.debug(fmt.Sprintln(v...))
	}
}

// Printf logs its arguments as fmt.Sprintf writes them.
func (l clientLog) Printf(format string, v ...any) {
	if l.on() {
		l.debug(fmt.Sprintf(format, v...))
	}
}

func (l clientLog) on() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

func (l clientLog) debug(text string) { l.log.Debug(strings.TrimSpace(text)) }
