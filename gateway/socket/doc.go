// Package socket is what the transports over WebSocket share: it upgrades
// requests, reads what clients say within limits, and frames what is written.
// What is pushed is written by the gateway, straight to the connection.
package socket
