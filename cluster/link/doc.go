// Package link holds the rules by which one node gives another what the streams
// that it follows get. A link is a Sender at the owner of the streams and a
// Receiver at the follower. What lies between them may lose, repeat and reorder:
// batches are numbered, and a receiver that misses one breaks the link, so that
// its node follows again and fetches. The package is pure: no I/O, no locks, no
// goroutines, and the time is passed in.
//
// The follower numbers the lives of a link by epochs: each time the link breaks it
// opens the next, and what was sent in another epoch is ignored. Within an epoch
// a receiver takes exactly a prefix of what was put into the sender, in its order.
package link
