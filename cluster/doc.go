// Package cluster joins this node to the others: it runs the actor system,
// tells protoactor who the members are, finds the owner of a stream, and carries
// calls and followed streams between nodes. Where an actor lives is not protoactor's
// choice: a stream's actor lives where its journal shard is consumed, so the package
// has its own identity lookup.
package cluster
