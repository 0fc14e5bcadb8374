package judges

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/verdict-dev/verdict/internal/strictjson"
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
	a, err := strictjson.Value(output)
	if err != nil {
		return false
	}
	b, err := strictjson.Value(expected)
	return err == nil && same(a, b)
}

func same(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		//workflowcheck:ignore all must hold, in any order
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
