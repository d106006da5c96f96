package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/width"

	"bongsu/internal/client"
)

// titleColumn is how many terminal cells a title gets at least.
const titleColumn = 24

// formatEntry writes an entry as one line, in columns.
func formatEntry(e *client.Entry) string {
	at := "        "
	if t, err := time.Parse(time.RFC3339, e.At); err == nil {
		at = t.Local().Format("15:04:05")
	}
	title, body := plain(e.Title), plain(e.Body)
	if title == "" {
		title, body = body, ""
	}
	line := fmt.Sprintf("%s  %s %s  %s  %s", at,
		pad(string(e.Stream), 14), pad(fmt.Sprintf("#%d", e.Seq), 7), pad(plain(e.Type), 16), pad(title, titleColumn))
	for _, rest := range []string{body, plain(e.Link)} {
		if rest != "" {
			line += "  " + rest
		}
	}
	return strings.TrimRight(line, " ")
}

// pad fills text up to so many terminal cells.
func pad(text string, cells int) string {
	return text + strings.Repeat(" ", max(0, cells-cellsOf(text)))
}

// cellsOf returns how many terminal cells text takes: two for a Hangul syllable.
func cellsOf(text string) int {
	cells := 0
	for _, r := range text {
		switch kind := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
		case kind == width.EastAsianWide, kind == width.EastAsianFullwidth:
			cells += 2
		default:
			cells++
		}
	}
	return cells
}

// plain makes text safe for a terminal: what others wrote must not move the cursor
// or change colours.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', r == '\r':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)
}
