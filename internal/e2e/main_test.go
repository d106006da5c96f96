//go:build e2e

package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

var (
	partsFlag  = flag.String("parts", "embedded", "parts to run on: embedded, kafka, classic, current, several with commas, or all")
	binaryFlag = flag.String("bongsu", "", "the bongsu binary; empty builds one")
	raceFlag   = flag.Bool("server-race", false, "build the binary with the race detector")

	killsFlag  = flag.Int("kills", 5, "crash test: how often the server is killed")
	peopleFlag = flag.Int("people", 200, "crash and outage tests: how many people are connected")
	rateFlag   = flag.Int("rate", 500, "crash and outage tests: events a second")
	upFlag     = flag.Duration("up", 4*time.Second, "crash test: how long the server runs between two kills")

	kafkaOutageFlag    = flag.Duration("kafka-outage", 10*time.Second, "outage test: how long Kafka is away")
	timelineOutageFlag = flag.Duration("timeline-outage", 15*time.Second, "outage test: how long ClickHouse is away")
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

// run builds the binary unless one was named, and runs the tests.
func run(m *testing.M) int {
	if *binaryFlag != "" {
		path, err := filepath.Abs(*binaryFlag)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		*binaryFlag = path
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "bongsu-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	*binaryFlag = filepath.Join(dir, "bongsu")
	args := []string{"build", "-o", *binaryFlag}
	if *raceFlag {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "bongsu/cmd/bongsu")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building bongsu:", err)
		return 1
	}
	return m.Run()
}
