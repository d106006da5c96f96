// Package app builds a node from its settings: it starts the parts in the order
// in which they need each other, and stops them in the reverse order so that
// nothing acknowledged is lost.
package app
