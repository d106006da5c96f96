// Package faults is the fault bench. It runs a cluster of real `bongsu serve`
// processes on Apache Kafka and ClickHouse, publishes to it and follows it as
// producers and people do, injects faults at random from a seed, and judges
// afterwards whether every promise was kept. It also measures what a fault costs:
// takeovers, pauses, reconnects. It knows the hub from the outside only.
package faults
