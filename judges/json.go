package judges

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValidJSON tells whether output is, as a whole, one JSON object or array in valid UTF-8. A bare number, string,
// boolean or null is valid JSON but a program that asked for JSON can rarely use it, so it does not count.
func ValidJSON(output string) bool {
	return utf8.ValidString(output) && json.Valid([]byte(output)) && strings.ContainsAny(strings.TrimSpace(output)[:1], "{[")
}

// SameJSON tells whether both texts are JSON and mean the same: the order of keys, spaces and the notation of numbers
// (1, 1.0, 1e0) do not matter, the order in arrays does. Numbers are compared exactly, not as floats, so long ids that
// differ in the last digit differ. An object that has a key twice is ambiguous and never the same as another.
func SameJSON(output, expected string) bool {
	a, err := decode(output)
	if err != nil {
		return false
	}
	b, err := decode(expected)
	return err == nil && same(a, b)
}

// decode reads text as one JSON value, keeping the spelling of numbers. It refuses an object that has a key twice; the
// standard decoder silently picks one.
func decode(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("not valid UTF-8")
	}
	// The decoder's tokens are laxer than the grammar and know no limit of depth; this is neither.
	if !json.Valid([]byte(text)) {
		return nil, errors.New("not valid JSON")
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	return value(dec)
}

func value(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := value(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the grammar was checked
			if _, twice := object[name]; twice {
				return nil, fmt.Errorf("key %.40q appears twice", name)
			}
			if object[name], err = value(dec); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return object, err
	}
	return token, nil
}

func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, same)
	case json.Number:
		y, ok := b.(json.Number)
		return ok && canonical(x) == canonical(y)
	}
	return a == b
}

// decimal is a number as sign, digits without zeros at either end, and the power of ten of the last digit.
type decimal struct {
	negative bool
	digits   string
	exponent int
}

// canonical returns the decimal that n is. Zero has no sign. A number whose exponent does not fit is its own text.
func canonical(n json.Number) decimal {
	text, negative := strings.CutPrefix(string(n), "-")
	mantissa, exp, _ := strings.Cut(strings.ToLower(text), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent := 0
	if exp != "" {
		var err error
		if exponent, err = strconv.Atoi(exp); err != nil || exponent > 1<<30 || exponent < -1<<30 {
			return decimal{negative: negative, digits: text}
		}
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	exponent -= len(fraction)
	trimmed := strings.TrimRight(digits, "0")
	if trimmed == "" {
		return decimal{}
	}
	return decimal{negative: negative, digits: trimmed, exponent: exponent + len(digits) - len(trimmed)}
}
