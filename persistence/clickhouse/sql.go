package clickhouse

import (
	"strconv"
	"strings"
)

const (
	// chunk is how many streams or people a statement names. With the longest
	// keys, each named in three lists, it stays below maxStatement.
	chunk        = 500
	maxStatement = 1 << 20
)

// quote returns text as a string literal. All but the plainest bytes are
// escaped by number, so that nothing in a text can end the literal, look like a
// parameter or depend on the statement's encoding.
func quote(text string) string {
	var b strings.Builder
	appendQuoted(&b, text)
	return b.String()
}

func appendQuoted(b *strings.Builder, text string) {
	const digits = "0123456789abcdef"
	b.WriteByte('\'')
	for i := range len(text) {
		if c := text[i]; isPlain(c) {
			b.WriteByte(c)
		} else {
			b.WriteString(`\x`)
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&15])
		}
	}
	b.WriteByte('\'')
}

func isPlain(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '_' || c == '@' || c == '-' || c == ':'
}

// quoteName returns the name of a database as an identifier.
func quoteName(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}

// list returns texts as the inside of an IN or of an array.
func list[T ~string](texts []T) string {
	var b strings.Builder
	for i, text := range texts {
		if i > 0 {
			b.WriteByte(',')
		}
		appendQuoted(&b, string(text))
	}
	return b.String()
}

// choose returns an expression that maps each value of the column stream to its
// number: 0 for a stream that is not named.
func choose[T ~string](streams []T, numbers []uint64) string {
	var b strings.Builder
	b.WriteString("transform(stream,[")
	b.WriteString(list(streams))
	b.WriteString("],[")
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(n, 10))
	}
	b.WriteString("],0)")
	return b.String()
}
