// Package client follows a person's streams: it connects to a hub over
// WebSocket (subprotocol bongsu.v1.json) or SSE, keeps the cursor, reconnects
// with growing, jittered pauses, if need be to another node, and resumes where it
// was.
//
// A Client delivers exactly what the hub pushes, in the order in which it was
// pushed: it neither reorders nor, unless asked to, drops anything. One goroutine,
// the caller of Run, serves a connection; a thousand clients in one process share
// their buffers through a Pool.
package client
