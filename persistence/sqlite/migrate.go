package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations bring a file from version n (its PRAGMA user_version) to n+1. They
// are only ever added to.
var migrations = [...]string{
	// An entry is found by stream and seq alone: time and journal offset never
	// decrease along a stream, so bounds on them are searched for along the key.
	`CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, floor INTEGER NOT NULL DEFAULT 0);
	 CREATE TABLE entries (stream INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, journal INTEGER NOT NULL,
	   kind INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, payload BLOB NOT NULL,
	   PRIMARY KEY (stream, seq)) WITHOUT ROWID;
	 CREATE TABLE fresh0 (stream INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, journal INTEGER NOT NULL,
	   kind INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, payload BLOB NOT NULL);
	 CREATE UNIQUE INDEX fresh0_key ON fresh0 (stream, seq);
	 CREATE TABLE fresh1 (stream INTEGER NOT NULL, seq INTEGER NOT NULL, time INTEGER NOT NULL, journal INTEGER NOT NULL,
	   kind INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, payload BLOB NOT NULL);
	 CREATE UNIQUE INDEX fresh1_key ON fresh1 (stream, seq);
	 CREATE VIEW timeline AS
	   SELECT stream, seq, time, journal, kind, id, type, payload FROM entries
	   UNION ALL SELECT stream, seq, time, journal, kind, id, type, payload FROM fresh0
	   UNION ALL SELECT stream, seq, time, journal, kind, id, type, payload FROM fresh1;
	 CREATE TABLE marks (admin TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL,
	   PRIMARY KEY (admin, stream)) WITHOUT ROWID;`,
}

// migrate brings the schema up to date, each step in a transaction of its own.
// It refuses a file of a newer version.
func migrate(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("its schema is version %d, newer than this program's %d", version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		if err := step(ctx, db, version); err != nil {
			return fmt.Errorf("migration %d: %w", version+1, err)
		}
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, version int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing once committed
	if _, err := tx.ExecContext(ctx, migrations[version]); err != nil {
		return err
	}
	// PRAGMA takes no parameters.
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version+1)); err != nil {
		return err
	}
	return tx.Commit()
}
