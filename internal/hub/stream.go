package hub

import (
	"fmt"
	"hash/fnv"
	"strings"
)

// Stream is the key of an ordered, durable sequence of entries: "all",
// "mall:<no>", "partner:<no>", "admin:<no>" or "room:<id>". A Stream that came
// from outside must have passed ParseStream.
type Stream string

// All is the stream that everybody reads.
const All Stream = "all"

// StreamKind is the part of a stream key before the colon.
type StreamKind string

// The kinds of stream there are.
const (
	KindAll     StreamKind = "all"
	KindMall    StreamKind = "mall"
	KindPartner StreamKind = "partner"
	KindAdmin   StreamKind = "admin"
	KindRoom    StreamKind = "room"
)

// MaxKey is the longest key, in bytes, that may follow a stream's kind.
const MaxKey = 128

// AdminStream returns the stream of one person.
func AdminStream(admin string) Stream { return Stream("admin:" + admin) }

// MallStream returns the stream of one mall.
func MallStream(mall string) Stream { return Stream("mall:" + mall) }

// PartnerStream returns the stream of one partner.
func PartnerStream(partner string) Stream { return Stream("partner:" + partner) }

// ParseStream checks that s is a well-formed stream key and returns it. The
// error wraps ErrInvalid and says what is wrong with s.
func ParseStream(s string) (Stream, error) {
	kind, key, found := strings.Cut(s, ":")
	switch {
	case s == string(All):
		return All, nil
	case !found:
		return "", Invalidf("stream %q: want all, mall:<no>, partner:<no>, admin:<no> or room:<id>", clip(s))
	}
	switch StreamKind(kind) {
	case KindMall, KindPartner, KindAdmin, KindRoom:
	default:
		return "", Invalidf("stream %q: unknown kind %q", clip(s), clip(kind))
	}
	if err := CheckKey(key); err != nil {
		return "", fmt.Errorf("stream %q: %w", clip(s), err)
	}
	return Stream(s), nil
}

// CheckKey reports whether key may follow a stream's kind: 1 to MaxKey
// characters of [A-Za-z0-9._@-]. The error wraps ErrInvalid.
func CheckKey(key string) error {
	if key == "" || len(key) > MaxKey {
		return Invalidf("a key has 1 to %d characters, this one %d", MaxKey, len(key))
	}
	for i := range len(key) {
		if !isKeyByte(key[i]) {
			return Invalidf("a key has only A-Z a-z 0-9 . _ @ -, this one has %q", key[i])
		}
	}
	return nil
}

func isKeyByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == '@' || c == '-'
}

// Kind returns the part before the colon.
func (s Stream) Kind() StreamKind {
	kind, _, _ := strings.Cut(string(s), ":")
	return StreamKind(kind)
}

// Key returns the part after the colon, and "" for All.
func (s Stream) Key() string {
	_, key, _ := strings.Cut(string(s), ":")
	return key
}

// Shard returns the journal partition, of shards, that holds the stream: the
// FNV-1a hash of the key modulo the number of shards. It is part of the
// journal's format and never changes.
func (s Stream) Shard(shards int32) int32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(s)) // a hash.Hash never fails
	return int32(h.Sum32() % uint32(shards))
}

// clip shortens text that is quoted in an error, so that hostile input cannot
// make a log line or an answer arbitrarily long.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
