// Package wire holds the messages between the nodes of a cluster, and what turns
// them into the domain's terms and back.
package wire

//go:generate protoc --go_out=. --go_opt=paths=source_relative wire.proto
