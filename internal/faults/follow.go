package faults

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// followEvery is how often the logs are looked at.
const followEvery = 100 * time.Millisecond

// FollowLogs writes what the nodes log to w, each line behind its node's name,
// until ctx ends. What they logged before is left out.
func (c *Cluster) FollowLogs(ctx context.Context, w io.Writer) {
	var all sync.WaitGroup
	lines := make(chan string, 64)
	for _, node := range c.All() {
		all.Go(func() { follow(ctx, node, lines) })
	}
	go func() {
		all.Wait()
		close(lines)
	}()
	for line := range lines {
		_, _ = io.WriteString(w, line) // a terminal that has gone is told nothing
	}
}

// follow sends what is appended to a node's log, line by line.
func follow(ctx context.Context, node *Node, lines chan<- string) {
	file, err := os.Open(node.log)
	if err != nil {
		lines <- fmt.Sprintf("%s | %v\n", node.Name, err)
		return
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(0, io.SeekEnd); err != nil {
		lines <- fmt.Sprintf("%s | %v\n", node.Name, err)
		return
	}
	reader, begun := bufio.NewReader(file), ""
	for {
		part, err := reader.ReadString('\n')
		begun += part
		switch {
		case strings.HasSuffix(begun, "\n"):
			lines <- node.Name + " | " + begun
			begun = ""
		case err != nil && pause(ctx, followEvery) != nil:
			return
		}
	}
}
