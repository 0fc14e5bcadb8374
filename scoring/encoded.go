package scoring

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Temporal carries JSON. There <, >, &, control characters, U+2028, U+2029 and bytes that are not UTF-8 take six bytes
// each, quotes and backslashes two. The functions here measure values in this form, the one that limits apply to.

// EncodedText returns the length in bytes of s as a string in JSON, quotes included, without writing it.
func EncodedText(s string) int {
	n := 2
	for len(s) > 0 {
		size, width := encodedRune(s)
		n, s = n+size, s[width:]
	}
	return n
}

// EncodedSize returns the length in bytes of the JSON that Temporal's data converter makes of v. It fails for a value
// that JSON cannot represent.
func EncodedSize(v any) (int, error) {
	data, err := json.Marshal(v)
	return len(data), err
}

// Clip cuts s to at most n bytes, between two characters.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n = max(n, 0)
	// Text that is not UTF-8 may have no start of a character nearby.
	for back := 1; back < utf8.UTFMax && n > 0 && !utf8.RuneStart(s[n]); back++ {
		n--
	}
	return s[:n]
}

// ClipEncoded cuts s, between two characters, so that [EncodedText] of it is at most n; below 2 it returns nothing.
func ClipEncoded(s string, n int) string {
	left := n - 2
	for i := 0; i < len(s); {
		size, width := encodedRune(s[i:])
		if left -= size; left < 0 {
			return s[:i]
		}
		i += width
	}
	return s
}

// unescaped undoes the escapes of encoding/json that JSON does not need.
func unescaped(data []byte) []byte {
	plain := map[string]string{"003c": "<", "003e": ">", "0026": "&", "2028": "\u2028", "2029": "\u2029"}
	out := make([]byte, 0, len(data))
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' || i+1 == len(data) {
			out = append(out, data[i])
			continue
		}
		if data[i+1] == 'u' && i+6 <= len(data) {
			if c, ok := plain[strings.ToLower(string(data[i+2:i+6]))]; ok {
				out = append(out, c...)
				i += 5
				continue
			}
		}
		out = append(out, data[i], data[i+1]) // an escape of two bytes, or the beginning of one of six
		i++
	}
	return out
}

// encodedRune returns how many bytes the first character of s takes in a JSON string, and how many it has in s.
func encodedRune(s string) (size, width int) {
	const escaped = 6 // \u003c
	if c := s[0]; c < utf8.RuneSelf {
		switch {
		case c == '"', c == '\\', c == '\b', c == '\f', c == '\n', c == '\r', c == '\t':
			return 2, 1
		case c < ' ', c == '<', c == '>', c == '&':
			return escaped, 1
		}
		return 1, 1
	}
	r, width := utf8.DecodeRuneInString(s)
	if r == '\u2028' || r == '\u2029' || r == utf8.RuneError && width == 1 {
		return escaped, width
	}
	return width, width
}

// EncodedBound returns a length in bytes that the JSON of r is not longer than, and hardly shorter. It writes nothing, so
// that workflow code, which has a second for a task, can ask it of thousands.
func (r Record) EncodedBound() int {
	const around = 512 // numbers, times, and the names of members
	n := around + r.Score.EncodedBound()
	for _, text := range []string{
		r.Run.Namespace, r.Run.WorkflowID, r.Run.RunID, r.Step.ID, r.Step.Type, r.OriginalRunID, r.Scorer, r.ScorerVersion, r.BuildID,
		r.Session.Key, r.Session.ID,
	} {
		n += EncodedText(text)
	}
	return n + 128*len(r.Said)
}

// EncodedBound is [Record.EncodedBound] for a score.
func (s Score) EncodedBound() int {
	const around = 192
	n := around + EncodedText(s.Name) + EncodedText(s.Reason) + EncodedText(s.Key)
	for _, session := range s.Sessions {
		n += len(`{"key":,"id":},`) + EncodedText(session.Key) + EncodedText(session.ID)
	}
	return n
}
