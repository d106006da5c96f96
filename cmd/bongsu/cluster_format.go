package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxMoves is how many lines of moves are shown.
const maxMoves = 10

// clusterState is the answer of GET /api/v1/cluster, as far as it is shown.
type clusterState struct {
	Node       string
	Generation int32
	Shards     int
	Members    []clusterMember
	Unowned    []int32
	Moves      []clusterMove
}

type clusterMember struct {
	ID, Name, Address string
	Shards            []int32
	Lag, Sessions     int64
	Since             time.Time
	// Reachable is false where the node asked got no answer from it; Lag and
	// Sessions are then not known.
	Reachable bool
}

type clusterMove struct {
	At       time.Time
	Shard    int32
	From, To string
}

// format writes the cluster for people, in lines that end with a newline.
func (s *clusterState) format() string {
	var b strings.Builder
	members := slices.SortedFunc(slices.Values(s.Members), func(a, b clusterMember) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	var sessions, lag int64
	for i := range members {
		sessions += members[i].Sessions
		lag += members[i].Lag
	}
	fmt.Fprintf(&b, "%d nodes, %d shards, %d unowned, generation %d, %d sessions, lag %d\n\n",
		len(members), s.Shards, len(s.Unowned), s.Generation, sessions, lag)
	rows := [][]string{{"", "NODE", "SHARDS", "SESSIONS", "LAG", "SINCE", "ADDRESS", "OWNS"}}
	for i := range members {
		rows = append(rows, members[i].row(members[i].ID == s.Node))
	}
	writeTable(&b, rows, map[int]bool{2: true, 3: true, 4: true})
	if len(s.Unowned) > 0 {
		fmt.Fprintf(&b, "\nunowned: %s\n", ranges(s.Unowned))
	}
	if rows := s.moveRows(); len(rows) > 0 {
		b.WriteString("\nmoves\n")
		writeTable(&b, rows, nil)
	}
	return b.String()
}

// row shows a member; the node that answered is marked.
func (m *clusterMember) row(answered bool) []string {
	mark, sessions, lag, since := " ", strconv.FormatInt(m.Sessions, 10), strconv.FormatInt(m.Lag, 10), ""
	if answered {
		mark = "*"
	}
	if !m.Reachable {
		mark, sessions, lag = "!", "-", "no answer"
	}
	if !m.Since.IsZero() {
		since = m.Since.Local().Format("01-02 15:04:05")
	}
	owns := ranges(m.Shards)
	if owns == "" {
		owns = "-"
	}
	return []string{mark, plain(cmp.Or(m.Name, m.ID)), strconv.Itoa(len(m.Shards)), sessions, lag, since, plain(m.Address), owns}
}

// moveRows makes one row of the moves with the same ends in the same second.
func (s *clusterState) moveRows() [][]string {
	name := func(node string) string { return plain(cmp.Or(node, "nobody")) }
	var rows [][]string
	shards := map[string][]int32{}
	for _, move := range s.Moves {
		at, ends := move.At.Local().Format(time.TimeOnly), name(move.From)+" -> "+name(move.To)
		key := at + " " + ends
		if shards[key] == nil {
			rows = append(rows, []string{" ", at, ends, key})
		}
		shards[key] = append(shards[key], move.Shard)
	}
	rows = rows[:min(len(rows), maxMoves)]
	for _, row := range rows {
		moved := shards[row[3]]
		slices.Sort(moved)
		row[3] = ranges(moved)
	}
	return rows
}

// ranges writes ascending numbers as people do: 0-3, 7, 9-10.
func ranges(numbers []int32) string {
	var parts []string
	for i := 0; i < len(numbers); {
		from := numbers[i]
		for i+1 < len(numbers) && numbers[i+1] == numbers[i]+1 {
			i++
		}
		part := strconv.Itoa(int(from))
		if numbers[i] != from {
			part += "-" + strconv.Itoa(int(numbers[i]))
		}
		parts = append(parts, part)
		i++
	}
	return strings.Join(parts, ", ")
}

// writeTable writes rows in columns; those in right are aligned to the right.
func writeTable(b *strings.Builder, rows [][]string, right map[int]bool) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], cellsOf(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			padded := pad(cell, widths[i])
			if right[i] {
				padded = strings.Repeat(" ", widths[i]-cellsOf(cell)) + cell
			}
			if i > 1 {
				line.WriteString(" ")
			}
			line.WriteString(padded + " ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
