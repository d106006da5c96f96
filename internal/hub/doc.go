// Package hub is the domain of Bongsu: streams, entries, events, cursors,
// principals and the errors that cross its parts. It holds rules and no
// machinery: it does no I/O, starts no goroutine and imports only the standard
// library, so that every part can depend on it and it depends on none.
package hub
