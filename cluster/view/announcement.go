package view

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxEncoded bounds an encoded announcement, in bytes: memberlist takes no more
	// metadata of a node.
	MaxEncoded = 512
	// MaxText bounds the texts of an announcement together, in bytes.
	MaxText = 224
)

// Announcement is what a node says of itself. It is never changed once it was
// given away.
type Announcement struct {
	// ID is the node's, fresh at every start and rebirth.
	ID string
	// Name is the node's name, which stays.
	Name string
	// Addr is where other nodes reach its actors, host:port.
	Addr string
	// URL is where clients reach it: an origin such as https://node-1.example.com or
	// http://10.0.0.1:8080, without a slash at its end; "" if they must not be told.
	URL string
	// Since is when the node took its ID, in milliseconds since 1970.
	Since int64
	// Version grows by one with each announcement of one ID: of two the higher holds.
	Version uint32
	// Generation is the consumer group's in which the node owns Shards.
	Generation int32
	Shards     Set
}

// Equal reports whether both say the same.
func (a Announcement) Equal(b Announcement) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Addr == b.Addr && a.URL == b.URL && a.Since == b.Since &&
		a.Version == b.Version && a.Generation == b.Generation && a.Shards.Equal(b.Shards)
}

// format is the first byte of an encoded announcement.
const format = 1

// Encode returns the announcement in at most MaxEncoded bytes, or the error of
// one that does not fit or that Decode would refuse.
func (a Announcement) Encode() ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	b := make([]byte, 1, MaxEncoded)
	b[0] = format
	for _, text := range []string{a.ID, a.Name, a.Addr, a.URL} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	b = binary.AppendUvarint(b, uint64(a.Since))
	b = binary.AppendUvarint(b, uint64(a.Version))
	b = binary.AppendUvarint(b, uint64(a.Generation))
	return append(b, a.Shards...), nil
}

// Decode reads an encoded announcement, which may come from anybody: it either
// returns one that Encode could have made, or an error.
func Decode(b []byte) (Announcement, error) {
	var a Announcement
	if len(b) == 0 || len(b) > MaxEncoded || b[0] != format {
		return a, errors.New("announcement: not in a known format")
	}
	r := reader{rest: b[1:]}
	a.ID, a.Name, a.Addr, a.URL = r.text(), r.text(), r.text(), r.text()
	a.Since = int64(r.number(math.MaxInt64))
	a.Version = uint32(r.number(math.MaxUint32))
	a.Generation = int32(r.number(math.MaxInt32))
	if r.failed {
		return Announcement{}, errors.New("announcement: cut off or malformed")
	}
	if len(r.rest) > 0 {
		a.Shards = append(Set(nil), r.rest...)
	}
	if err := a.check(); err != nil {
		return Announcement{}, err
	}
	return a, nil
}

func (a Announcement) check() error {
	if a.ID == "" || a.Name == "" || a.Addr == "" {
		return errors.New("announcement: a node has an id, a name and an address")
	}
	if n := len(a.ID) + len(a.Name) + len(a.Addr) + len(a.URL); n > MaxText {
		return fmt.Errorf("announcement: id, name, address and URL of a node take %d bytes, at most %d fit", n, MaxText)
	}
	for _, text := range []string{a.ID, a.Name, a.Addr, a.URL} {
		if !printable(text) {
			return fmt.Errorf("announcement: %q is not printable text", text)
		}
	}
	if a.URL != "" && !origin(a.URL) {
		return fmt.Errorf("announcement: %q is no URL of http or https with a host, perhaps a port, and nothing else", a.URL)
	}
	if a.Since < 0 || a.Generation < 0 {
		return errors.New("announcement: a number is negative")
	}
	if len(a.Shards) > MaxShards/8 {
		return fmt.Errorf("announcement: a cluster has at most %d shards", MaxShards)
	}
	if len(a.Shards) > 0 && a.Shards[len(a.Shards)-1] == 0 {
		return errors.New("announcement: the set of shards ends in nothing")
	}
	return nil
}

// printable keeps what goes to logs, metrics and consoles harmless there.
func printable(text string) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if !unicode.IsGraphic(r) || unicode.IsSpace(r) {
			return false
		}
	}
	return true
}

// origin reports whether text is a web server's scheme, host and port alone. Such
// URLs go to browsers, and the pages behind them are trusted.
func origin(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || text != u.Scheme+"://"+u.Host {
		return false
	}
	if strings.HasSuffix(u.Host, ":") {
		return false
	}
	if port := u.Port(); port != "" {
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return false
		}
	}
	host := u.Hostname()
	if strings.HasPrefix(u.Host, "[") {
		_, err := netip.ParseAddr(host)
		return err == nil
	}
	return host != "" && !strings.ContainsFunc(host, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r))
	})
}

// reader takes fields off the front of rest; after the first that is not there it
// has failed.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) number(most uint64) uint64 {
	value, n := binary.Uvarint(r.rest)
	// One number has one encoding: none ends in a zero byte, except zero itself.
	if n <= 0 || value > most || (n > 1 && r.rest[n-1] == 0) {
		r.failed, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) text() string {
	n := r.number(MaxText)
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return ""
	}
	text := string(r.rest[:n])
	r.rest = r.rest[n:]
	return text
}
