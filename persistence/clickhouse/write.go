package clickhouse

import (
	"context"
	"slices"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"

	"bongsu/internal/hub"
)

// table is what an insert needs to know.
type table struct {
	name    string
	columns []clickhouse.ColumnNameAndType
}

func (t table) insert() string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.Name
	}
	return "INSERT INTO " + t.name + " (" + strings.Join(names, ", ") + ")"
}

func entriesTable() table {
	return table{"entries", []clickhouse.ColumnNameAndType{
		{Name: "stream", Type: "String"}, {Name: "seq", Type: "UInt64"}, {Name: "time", Type: "Int64"},
		{Name: "journal", Type: "Int64"}, {Name: "kind", Type: "UInt8"}, {Name: "id", Type: "String"},
		{Name: "type", Type: "String"}, {Name: "payload", Type: "String"},
	}}
}

func headsTable() table {
	return table{"heads", []clickhouse.ColumnNameAndType{
		{Name: "stream", Type: "String"}, {Name: "seq", Type: "UInt64"}, {Name: "time", Type: "Int64"},
	}}
}

func marksTable() table {
	return table{"marks", []clickhouse.ColumnNameAndType{
		{Name: "admin", Type: "String"}, {Name: "stream", Type: "String"}, {Name: "seq", Type: "UInt64"},
	}}
}

func migrationsTable() table {
	return table{"migrations", []clickhouse.ColumnNameAndType{{Name: "id", Type: "UInt64"}}}
}

// Write inserts the entries, then the heads of their streams, and the marks.
func (s *Store) Write(ctx context.Context, entries []*hub.Entry, marks []hub.Mark) error {
	return s.call(ctx, "write", func(ctx context.Context) error {
		if err := s.writeEntries(ctx, entries); err != nil {
			return err
		}
		if err := s.writeHeads(ctx, entries); err != nil {
			return err
		}
		return s.writeMarks(ctx, marks)
	})
}

func (s *Store) writeEntries(ctx context.Context, entries []*hub.Entry) error {
	n := len(entries)
	streams, ids, types := make([]string, n), make([]string, n), make([]string, n)
	seqs, times, offsets := make([]uint64, n), make([]int64, n), make([]int64, n)
	kinds, payloads := make([]uint8, n), make([][]byte, n)
	for i, e := range entries {
		streams[i], ids[i], types[i] = string(e.Stream), e.ID, e.Type
		seqs[i], times[i], offsets[i] = e.Seq, e.Time, e.Offset
		kinds[i], payloads[i] = uint8(e.Kind), e.Payload
	}
	return s.insert(ctx, entriesTable(), n, streams, seqs, times, offsets, kinds, ids, types, payloads)
}

// writeHeads inserts the newest of the entries of each stream.
func (s *Store) writeHeads(ctx context.Context, entries []*hub.Entry) error {
	heads := map[hub.Stream]*hub.Entry{}
	for _, e := range entries {
		if old := heads[e.Stream]; old == nil || e.Seq > old.Seq {
			heads[e.Stream] = e
		}
	}
	streams, seqs, times := make([]string, 0, len(heads)), make([]uint64, 0, len(heads)), make([]int64, 0, len(heads))
	for stream, e := range heads {
		streams, seqs, times = append(streams, string(stream)), append(seqs, e.Seq), append(times, e.Time)
	}
	return s.insert(ctx, headsTable(), len(streams), streams, seqs, times)
}

func (s *Store) writeMarks(ctx context.Context, marks []hub.Mark) error {
	n := len(marks)
	admins, streams, seqs := make([]string, n), make([]string, n), make([]uint64, n)
	for i, m := range marks {
		admins[i], streams[i], seqs[i] = m.Admin, string(m.Stream), m.Seq
	}
	return s.insert(ctx, marksTable(), n, admins, streams, seqs)
}

// insert stores n rows, given column by column, in one statement. It returns
// when the server has them.
func (s *Store) insert(ctx context.Context, into table, n int, columns ...any) error {
	if n == 0 {
		return ctx.Err()
	}
	within, cancel := s.limited(ctx, callPatience)
	defer cancel()
	// The driver may close a connection whose context ends right after a batch was
	// sent, when another call uses it already. So the batch has a context of its
	// own, which ends with the other only as long as the batch is under way.
	sending, abort := context.WithCancel(context.WithoutCancel(within))
	stop := context.AfterFunc(within, abort)
	defer stop()
	sending = clickhouse.Context(sending, clickhouse.WithSettings(s.settings),
		clickhouse.WithColumnNamesAndTypes(slices.Clone(into.columns)))
	return s.failure(ctx, expired(within, s.send(sending, into, columns)))
}

func (s *Store) send(ctx context.Context, into table, columns []any) error {
	batch, err := s.conn.PrepareBatch(ctx, into.insert())
	if err != nil {
		return err
	}
	for i, column := range columns {
		if err := batch.Column(i).Append(column); err != nil {
			_ = batch.Abort() // the first error says more
			return err
		}
	}
	return batch.Send()
}
