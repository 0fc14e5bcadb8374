package stdlibqa

import (
	"strings"
	"unicode"
)

// words returns the runs of letters and digits of s in lower case, in order, repeated ones too.
func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// normal returns the words of s with one space in between, for comparisons that ignore layout and punctuation.
func normal(s string) string { return strings.Join(words(s), " ") }

// splitNames puts a space into names where a word of them ends: "ReadHTTPHeader" becomes "Read HTTP Header".
func splitNames(s string) string {
	var out strings.Builder
	runes := []rune(s)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			lowerBefore := !unicode.IsUpper(runes[i-1]) && inName(runes[i-1])
			lastCapital := unicode.IsUpper(runes[i-1]) && i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if lowerBefore || lastCapital {
				out.WriteByte(' ')
			}
		}
		out.WriteRune(r)
	}
	return out.String()
}

// stopWords are English function words: they do not tell what a question asks for.
var stopWords = func() map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(`a about above after again all also an and any are as at be because been before being
		below between both but by can could did do does doing down during each else few for from further had has have having
		he her here hers him his how i if in into is it its itself just may me might more most must my no nor not now of off
		on once only onto or other our out over own s same she should so some such t than that the their them then there
		these they this those through to too under until up upon us very was we were what when where whether which while who
		whom why will with within without would you your`) {
		set[w] = true
	}
	return set
}()
