// Package api serves the HTTP API under /api/v1: the person's timeline and
// marks, publishing, and the state of the cluster. It moves requests: what a
// person may read and how it is counted is the inbox's, what an event is the
// domain's. The OpenAPI description is made from this code.
package api
