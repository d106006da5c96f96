// Package simulate runs several nodes in one process under a seeded scheduler
// with virtual time, and breaks everything around them that can break: processes
// die and freeze between any two steps, messages are lost, late and out of order,
// the consumer group moves shards while their old owners still act, writes to the
// timeline land seconds after their writer has given them up.
//
// What decides is the product's own code: numbering, the watermark, the claims of
// a shard, the view of who owns what, the links between nodes, and the window and
// cursor of a session. What surrounds it, Kafka, the timeline, the network, memory
// and goroutines, is modelled here. Each run is judged against a plain reference:
// the journal replayed from its beginning.
//
// A run follows from its seed alone, and a seed that fails does so every time.
package simulate
