// Package view says who is in the cluster and who owns which shard. It is pure:
// what nodes announce of themselves goes in, an immutable view comes out.
package view
