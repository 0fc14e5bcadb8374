package judges

import (
	"crypto/rand"
	"regexp"
	"strings"
	"unicode"
)

// marker finds anything that looks like the start of one of our delimiters, in any case, with any spaces and with
// invisible characters anywhere in it. A model reads all of these as the delimiter.
var marker = func() *regexp.Regexp {
	const invisible, space = `\p{Cf}*`, `[\s\p{Z}\p{Cf}]`
	word := func(w string) string { return strings.Join(strings.Split(w, ""), invisible) }
	return regexp.MustCompile(`(?i)\[` + space + `*(` + word("BEGIN") + `|` + word("END") + `)` + space + `+(` + word("DATA") + `)`)
}()

// Neutralize returns text without any delimiter of [Fence]: "[END DATA" becomes "[END-DATA". Everything else stays.
// Neutralizing twice is the same as once.
func Neutralize(text string) string {
	return marker.ReplaceAllStringFunc(text, func(found string) string {
		m := marker.FindStringSubmatch(found)
		return "[" + visible(m[1]) + "-" + visible(m[2])
	})
}

func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, s)
}

// NewKey returns an unguessable key for the delimiters of one request.
func NewKey() string { return rand.Text() }

// Fence returns untrusted text as a block that a prompt can speak of:
//
//	[BEGIN DATA label key]
//	text
//	[END DATA label key]
//
// The text is neutralized. The key must come from [NewKey] and serve one request only: a text that could guess it
// could end its own block.
func Fence(label, key, text string) string {
	return "[BEGIN DATA " + label + " " + key + "]\n" + Neutralize(text) + "\n[END DATA " + label + " " + key + "]\n"
}
