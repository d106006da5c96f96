// Package gateway holds the client sessions of one node: it subscribes the node
// once to each stream that a session follows, fans entries out to the sessions,
// resumes clients from their cursors, and answers what a person may ask of their
// timeline.
//
// A feed is the node's subscription to a stream. It keeps a window of the newest
// entries, immutable and replaced by each push. A session has no queue of
// entries: for each of its streams it has a cursor, the last seq given, and a
// few writer goroutines, shared by all sessions, write what the windows hold after
// it. History and live entries therefore take the same path, in order and each
// once by construction; a session that needs what is before its feed's window makes
// the feed fetch it, once for all sessions that do. Package catchup holds these
// rules; here they get their locks, calls and sockets. What a socket does not take at
// once is left to a goroutine that lasts as long as the socket is blocked, so that
// a slow client holds up nobody.
//
// Transports are in the packages below: they admit connections, read from them
// and say how things are written.
package gateway
