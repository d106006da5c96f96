//go:build race

package cluster

// underRace: protoactor's remote sets gRPC's global logger each time one starts,
// which the race detector rightly dislikes where a process holds several.
const underRace = true
