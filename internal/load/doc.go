// Package load measures a hub from the outside: it opens many connections,
// publishes events to Kafka at a steady rate, and accounts for every delivery:
// how long it took from Kafka to the socket, and whether any was lost, doubled or
// out of order. Client and server may share a machine, so what a delivery costs
// the client is kept small: one goroutine and half a kilobyte of buffer a
// connection, and no JSON parser on the way of an entry.
package load
