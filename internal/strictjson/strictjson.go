// Package strictjson refuses JSON that two readers may understand in two ways (RFC 7493, I-JSON). encoding/json takes it,
// and keeps one of the meanings in silence.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Error is why a text is refused.
type Error struct {
	// Member is the name of the member that is wrong, or that it is in; empty if there is none.
	Member string
	Reason string
}

func (e *Error) Error() string {
	if e.Member == "" {
		return e.Reason
	}
	return fmt.Sprintf("member %.40q: %s", e.Member, e.Reason)
}

// Check refuses, with an [Error], anything but one JSON text in UTF-8, with nothing after it: text in another encoding,
// text with an escape that is half a character (each becomes the same replacement character, so that two keys become
// one), and an object that has a member twice. Names that differ only in case count as the same member, since
// encoding/json reads them into the same field of a struct; free names the top-level members with free content, where
// they differ.
func Check(data []byte, free ...string) error {
	if !utf8.Valid(data) {
		return &Error{Reason: "the text is not UTF-8"}
	}
	if !json.Valid(data) {
		var v any
		return &Error{Reason: fmt.Sprintf("the text is not JSON: %v", json.Unmarshal(data, &v))}
	}
	s := scanner{data: data, free: free}
	return s.value("", 0, false)
}

// scanner goes through a text that is JSON.
type scanner struct {
	data []byte
	free []string
}

// value goes through the value that comes next.
func (s *scanner) value(member string, depth int, free bool) error {
	s.space()
	switch s.data[0] {
	case '{':
		return s.object(depth, free)
	case '[':
		s.data = s.data[1:]
		for s.more(']') {
			if err := s.value(member, depth+1, free); err != nil {
				return err
			}
		}
		return nil
	case '"':
		_, err := s.text(member)
		return err
	}
	s.data = s.data[len(s.data)-len(bytes.TrimLeft(s.data, "+-.0123456789eEtrufalsn")):]
	return nil
}

func (s *scanner) object(depth int, free bool) error {
	s.data = s.data[1:]
	seen := map[string]bool{}
	for s.more('}') {
		name, err := s.text("")
		if err != nil {
			return err
		}
		same := name
		if !free {
			same = fold(name)
		}
		if seen[same] {
			return &Error{Member: name, Reason: "it appears twice"}
		}
		seen[same] = true
		s.more(':')
		if err := s.value(name, depth+1, free || (depth == 0 && s.isFree(name))); err != nil {
			return err
		}
	}
	return nil
}

// fold returns the same text for all names that encoding/json treats as equal.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			least = min(least, other)
		}
		return least
	}, name)
}

func (s *scanner) isFree(name string) bool {
	for _, f := range s.free {
		if strings.EqualFold(f, name) {
			return true
		}
	}
	return false
}

// text returns the string that comes next.
func (s *scanner) text(member string) (string, error) {
	end := 1
	for s.data[end] != '"' {
		if s.data[end] == '\\' {
			end++
		}
		end++
	}
	raw := s.data[:end+1]
	s.data = s.data[end+1:]
	if loneSurrogate(raw) {
		return "", &Error{Member: member, Reason: "an escape is half a character"}
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return "", &Error{Member: member, Reason: err.Error()}
	}
	return text, nil
}

// loneSurrogate tells whether a JSON string has an escape of one half of a surrogate pair.
func loneSurrogate(raw []byte) bool {
	unit := func(at int) rune { // the code unit of the escape at that place; 0: it is none
		if at+6 > len(raw) || raw[at] != '\\' || raw[at+1] != 'u' {
			return 0
		}
		n, err := strconv.ParseUint(string(raw[at+2:at+6]), 16, 16)
		if err != nil {
			return 0
		}
		return rune(n)
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		u := unit(i)
		switch {
		case u == 0 || !utf16.IsSurrogate(u):
			i++
		case utf16.DecodeRune(u, unit(i+6)) == utf8.RuneError:
			return true
		default:
			i += 11
		}
	}
	return false
}

func (s *scanner) space() { s.data = bytes.TrimLeft(s.data, " \t\r\n") }

// more skips the separator of two elements, or the end; it tells whether another element follows.
func (s *scanner) more(end byte) bool {
	s.space()
	c := s.data[0]
	if c == end || c == ',' {
		s.data = s.data[1:]
		s.space()
	}
	return c != end
}

// Rounded tells whether a JSON number is an integer that a float64 does not hold: beyond 2^53 many are rounded to another.
func Rounded(number []byte) bool {
	n, ok := new(big.Int).SetString(string(bytes.TrimSpace(number)), 10)
	if !ok {
		return false
	}
	_, accuracy := new(big.Float).SetInt(n).Float64()
	return accuracy != big.Exact
}
