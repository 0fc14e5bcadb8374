package judges

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// gradeMark is where a verdict in free text begins.
var gradeMark = regexp.MustCompile(`(?i)(?:^|[^\p{L}\p{N}_])grade\s*[:：]`)

// ReadText returns the verdict that a reply in free text gives, for servers that cannot be held to a schema:
// [Rubric.Read] is safer, because a text that the model only quotes can look like a verdict here. The verdict is the
// word GRADE, a colon and a choice or number of the rubric, in any case. Invisible characters, and Markdown, quotes and
// brackets around the choice, do not matter.
//
// The last GRADE counts, since a model reasons before it decides. If it does not name exactly one choice that was
// offered the verdict is declined as [OffMenu], also if an earlier one does; a reply without any is declined as
// [Malformed]. The rationale is the whole reply.
func (r Rubric) ReadText(reply string) Verdict {
	text := visible(reply)
	found := gradeMark.FindAllStringIndex(text, -1)
	if len(found) == 0 {
		return Declined(Malformed, "the reply has no GRADE")
	}
	answer := strings.TrimLeft(text[found[len(found)-1][1]:], " \t\r\n*_`'\"“”‘’([{<")
	answer, _, _ = strings.Cut(answer, "\n")
	if r.scaled() {
		return r.textGrade(answer, reply)
	}
	label, ok := r.named(answer)
	if !ok {
		return Declined(OffMenu, fmt.Sprintf("%.40q was not offered", answer))
	}
	return r.choice(label, reply)
}

// named returns the choice that an answer begins with: the longest one, and of two that differ in case only the one in
// the answer's case.
func (r Rubric) named(answer string) (label string, ok bool) {
	longest, exact := 0, false
	for _, l := range r.labels() {
		words := visible(l)
		if !startsWith(answer, words) {
			continue
		}
		switch n, same := utf8.RuneCountInString(words), strings.HasPrefix(answer, words); {
		case n > longest, n == longest && same && !exact:
			label, ok, longest, exact = l, true, n, same
		case n == longest && same == exact:
			ok = false
		}
	}
	return label, ok
}

func (r Rubric) textGrade(answer, reply string) Verdict {
	word, _, _ := strings.Cut(strings.TrimSpace(answer), " ")
	n, ok := parseNumber(word)
	if !ok || n.percent || n.value < r.Scale.Min || n.value > r.Scale.Max {
		return Declined(OffMenu, fmt.Sprintf("%.40q is not on the scale from %v to %v", word, r.Scale.Min, r.Scale.Max))
	}
	return Number(n.value, reply)
}

// startsWith tells whether text begins with a label, in any case, as a word of its own and not as one of several: "C/I" is
// no choice.
func startsWith(text, label string) bool {
	rest, ok := cutFold(text, label)
	if !ok {
		return false
	}
	next, _ := utf8.DecodeRuneInString(strings.TrimLeft(rest, " \t"))
	after, _ := utf8.DecodeRuneInString(rest)
	word := rest != "" && (unicode.IsLetter(after) || unicode.IsNumber(after) || after == '_')
	return !word && next != '/' && next != '|'
}

// cutFold returns text without a prefix that is equal under case folding.
func cutFold(text, prefix string) (string, bool) {
	for _, want := range prefix {
		got, n := utf8.DecodeRuneInString(text)
		if n == 0 || !strings.EqualFold(string(got), string(want)) {
			return "", false
		}
		text = text[n:]
	}
	return text, true
}
