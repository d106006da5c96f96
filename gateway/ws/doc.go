// Package ws is the WebSocket transport: JSON-RPC 2.0 with the subprotocol
// bongsu.v1.json. It upgrades, reads and answers calls; what is pushed is written
// by the gateway, straight to the socket.
package ws
