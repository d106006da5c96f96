// Package sse is the transport of server-sent events: GET /notifications. It
// takes the connection out of the HTTP server's hands once the client is known to
// be admitted, so that an idle stream costs no more than an idle WebSocket.
package sse
