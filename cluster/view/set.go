package view

import (
	"bytes"
	"math/bits"
)

// MaxShards is the most shards that a journal of a cluster can have: an
// announcement holds one bit for each.
const MaxShards = 2048

// Set is a set of shards, one bit each, without zero bytes at its end. The zero
// Set is empty. A Set that was given away is not changed any more.
type Set []byte

// SetOf returns the set of the shards, which are from 0 to MaxShards-1. Others
// are left out.
func SetOf(shards ...int32) Set {
	var bitmap [MaxShards / 8]byte
	for _, shard := range shards {
		if shard >= 0 && shard < MaxShards {
			bitmap[shard/8] |= 1 << (shard % 8)
		}
	}
	return Set(bytes.Clone(bytes.TrimRight(bitmap[:], "\x00")))
}

// Has reports whether the shard is in the set.
func (s Set) Has(shard int32) bool {
	return shard >= 0 && int(shard/8) < len(s) && s[shard/8]&(1<<(shard%8)) != 0
}

// Len returns how many shards are in the set.
func (s Set) Len() int {
	n := 0
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// List returns the shards, ascending.
func (s Set) List() []int32 {
	list := make([]int32, 0, s.Len())
	for i, b := range s {
		for ; b != 0; b &= b - 1 {
			list = append(list, int32(i*8+bits.TrailingZeros8(b)))
		}
	}
	return list
}

// Equal reports whether both hold the same shards.
func (s Set) Equal(other Set) bool { return bytes.Equal(s, other) }
