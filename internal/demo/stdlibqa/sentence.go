package stdlibqa

import (
	"go/doc"
	"go/doc/comment"
	"strings"
	"unicode"
	"unicode/utf8"
)

// splitComment returns the first sentence of a doc comment, on one line, and the rest after it. Both are empty when the
// comment does not begin with a sentence. Links are replaced by their text.
func splitComment(pkg *doc.Package, text string) (sentence, rest string) {
	printer := pkg.Printer()
	printer.TextWidth = -1
	parsed := pkg.Parser().Parse(text)
	if len(parsed.Content) == 0 {
		return "", ""
	}
	first, ok := parsed.Content[0].(*comment.Paragraph)
	if !ok {
		return "", ""
	}
	render := func(blocks ...comment.Block) string {
		return strings.TrimSpace(string(printer.Text(&comment.Doc{Content: blocks, Links: parsed.Links})))
	}
	sentence, rest = splitSentence(strings.ReplaceAll(render(first), "\n", " "))
	return sentence, strings.TrimSpace(rest + "\n" + render(parsed.Content[1:]...))
}

// splitSentence cuts a paragraph after its first sentence: at a full stop before a space, unless that ends an
// abbreviation. Unlike go/doc it does not spare single capitals: in these comments they are types ("of type T."), not
// initials.
func splitSentence(paragraph string) (sentence, rest string) {
	for i := 0; i < len(paragraph); i++ {
		if paragraph[i] != '.' || i+1 == len(paragraph) || paragraph[i+1] != ' ' {
			continue
		}
		word := paragraph[strings.LastIndexByte(paragraph[:i], ' ')+1 : i]
		if abbreviations[strings.TrimLeft(word, "(")] {
			continue
		}
		return paragraph[:i+1], strings.TrimSpace(paragraph[i+1:])
	}
	return paragraph, ""
}

var abbreviations = map[string]bool{"e.g": true, "i.e": true, "vs": true, "cf": true, "etc": true}

// removeName takes a symbol's name out of a sentence wherever it stands as a word of its own, case and all, together
// with everything that belongs to it: a qualifier ("bytes.Buffer.Len", "(*Buffer).Len"), a call's parentheses, a
// possessive, a pointer's star, and an article that led to it at the beginning ("A Buffer is").
func removeName(sentence, name string) string {
	var out strings.Builder
	for rest := sentence; ; {
		i := indexWord(rest, name)
		if i < 0 {
			out.WriteString(rest)
			break
		}
		before := strings.TrimRight(trimQualifier(rest[:i]), "*&")
		if out.Len() == 0 {
			switch strings.TrimSpace(before) {
			case "A", "An", "The", "a", "an", "the":
				before = ""
			}
		}
		out.WriteString(before)
		out.WriteByte(' ') // so that what stood on both sides never makes one word
		after := rest[i+len(name):]
		for _, tail := range []string{"()", "'s", "’s"} {
			after = strings.TrimPrefix(after, tail)
		}
		rest = after
	}
	kept := strings.Join(strings.Fields(out.String()), " ")
	return strings.TrimLeftFunc(kept, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",.:;", r) })
}

// indexWord returns where name first appears in s with no letter, digit or underscore on either side, or -1.
func indexWord(s, name string) int {
	for from := 0; name != ""; {
		i := strings.Index(s[from:], name)
		if i < 0 {
			break
		}
		i += from
		left, _ := utf8.DecodeLastRuneInString(s[:i])
		right, _ := utf8.DecodeRuneInString(s[i+len(name):])
		if (i == 0 || !inName(left)) && (i+len(name) == len(s) || !inName(right)) {
			return i
		}
		from = i + len(name)
	}
	return -1
}

// trimQualifier takes "pkg.", "Type." and "(*Type)." off the end of s, as many as there are.
func trimQualifier(s string) string {
	for {
		q, ok := strings.CutSuffix(s, ".")
		if !ok {
			return s
		}
		closed := strings.HasSuffix(q, ")")
		q = strings.TrimSuffix(q, ")")
		trimmed := strings.TrimRightFunc(q, inName)
		if trimmed == q {
			return s
		}
		if closed {
			opened, ok := strings.CutSuffix(strings.TrimSuffix(trimmed, "*"), "(")
			if !ok {
				return s
			}
			trimmed = opened
		}
		s = trimmed
	}
}

func inName(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
