package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// ticksPerSecond is in what /proc counts CPU time; Linux fixes it for programs.
const ticksPerSecond = 100

// usage is what a process has used.
type usage struct {
	rss int64 // bytes resident now
	cpu time.Duration
}

// usageOf reads a process's usage from /proc. It needs Linux.
func usageOf(pid int) (usage, error) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return usage{}, fmt.Errorf("load: cannot read what process %d uses: %w", pid, err)
	}
	return parseStat(stat, int64(os.Getpagesize()))
}

// parseStat reads a line of /proc/<pid>/stat. The process's name, in parentheses,
// may hold anything, so fields are counted from behind it.
func parseStat(stat []byte, page int64) (usage, error) {
	_, rest, found := cutLast(stat, ')')
	fields := bytes.Fields(rest)
	// Counted from the state, the third field of the line, as number 0.
	const utime, stime, rss = 11, 12, 21
	if !found || len(fields) <= rss {
		return usage{}, fmt.Errorf("load: %q is not a process's state", stat)
	}
	var values [3]int64
	for i, field := range []int{utime, stime, rss} {
		value, err := strconv.ParseInt(string(fields[field]), 10, 64)
		if err != nil {
			return usage{}, fmt.Errorf("load: a process's state: %w", err)
		}
		values[i] = value
	}
	ticks := time.Duration(values[0] + values[1])
	return usage{rss: values[2] * page, cpu: ticks * time.Second / ticksPerSecond}, nil
}

func cutLast(text []byte, sep byte) (before, after []byte, found bool) {
	i := bytes.LastIndexByte(text, sep)
	if i < 0 {
		return text, nil, false
	}
	return text[:i], text[i+1:], true
}
