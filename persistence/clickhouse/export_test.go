package clickhouse

// LookByTime makes the store look for every page by time, as it does where
// there are many entries.
func (s *Store) LookByTime() { s.manyEntries = 1 }
