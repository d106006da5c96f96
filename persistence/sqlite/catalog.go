package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"bongsu/internal/hub"
)

// maxKnownStreams is how many streams the catalog remembers, about 200 bytes
// each. Beyond it, it forgets all and asks the file again.
const maxKnownStreams = 200_000

// known is what the table streams holds of a stream.
type known struct {
	id    int64
	floor uint64
}

// catalog remembers rows of the table streams, which only this process writes.
// It is safe for concurrent use.
type catalog struct {
	limit int
	mu    sync.RWMutex
	rows  map[hub.Stream]known
}

func newCatalog(limit int) *catalog {
	return &catalog{limit: limit, rows: map[hub.Stream]known{}}
}

// querier is a connection, or a transaction on one.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// lookup returns the stream's row and whether there is one.
func (c *catalog) lookup(ctx context.Context, q querier, stream hub.Stream) (known, bool, error) {
	if row, ok := c.get(stream); ok {
		return row, true, nil
	}
	var row known
	err := q.QueryRowContext(ctx, "SELECT id, floor FROM streams WHERE name = ?", string(stream)).Scan(&row.id, &row.floor)
	if errors.Is(err, sql.ErrNoRows) {
		return known{}, false, nil
	}
	if err != nil {
		return known{}, false, err
	}
	return c.put(stream, row), true, nil
}

func (c *catalog) get(stream hub.Stream) (known, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	row, ok := c.rows[stream]
	return row, ok
}

// put remembers a committed row and returns it as it is now known: a reader may
// come with a floor from before a Prune.
func (c *catalog) put(stream hub.Stream, row known) known {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.rows[stream]; ok {
		row.floor = max(row.floor, old.floor)
	} else if len(c.rows) >= c.limit {
		clear(c.rows)
	}
	c.rows[stream] = row
	return row
}
