// Package arch holds the rules of the code's shape, as tests: which package
// may import which, what no package does, and that docs/asyncapi.yaml says what
// the code says. It has no code of its own.
package arch
