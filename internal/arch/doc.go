// Package arch holds the rules of the code's shape, as tests: which package
// may import which, and what no package does. It has no code of its own.
package arch
