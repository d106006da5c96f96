// Package legacy translates between the hub's entries and events and the JSON
// that the hand-made notification servers before it sent: one body for STOMP
// pages and for the messages that services publish to Redis. It is pure.
package legacy
