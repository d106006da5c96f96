// Package gateway holds the client sessions of one node: it subscribes the node
// once to each stream that a session follows, fans entries out to the sessions,
// resumes clients from their cursors, and answers the HTTP API.
package gateway
