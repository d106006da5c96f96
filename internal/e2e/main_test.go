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

// TestMain builds the binary unless one was named. Without it the tests run all
// the same, and fail where they start it.
func TestMain(m *testing.M) {
	flag.Parse()
	remove, err := prepareBinary()
	if err != nil {
		fmt.Fprintln(os.Stderr, "building bongsu:", err)
	}
	defer remove()
	m.Run()
}

// prepareBinary sets -bongsu to the path of a binary; remove takes away what it built.
func prepareBinary() (remove func(), err error) {
	if *binaryFlag != "" {
		*binaryFlag, err = filepath.Abs(*binaryFlag)
		return func() {}, err
	}
	dir, err := os.MkdirTemp("", "bongsu-e2e")
	if err != nil {
		return func() {}, err
	}
	*binaryFlag = filepath.Join(dir, "bongsu")
	args := []string{"build", "-o", *binaryFlag}
	if *raceFlag {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "bongsu/cmd/bongsu")...)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return func() { _ = os.RemoveAll(dir) }, build.Run()
}
