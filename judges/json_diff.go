package judges

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"

	"github.com/verdict-dev/verdict/internal/strictjson"
)

// JSONDiff returns how alike two JSON documents are, from 0 to 1. A text that is not JSON, or has an object with a key
// twice, counts as a JSON string. Of two
//
//   - objects it is the mean over all keys that either has; a key that one of them does not have counts 0, also where the
//     other has null;
//   - arrays the sum by position over the length of the longer one;
//   - strings their [Levenshtein] likeness;
//   - numbers their [NumericDiff], and less than 1 unless they are the same number;
//   - booleans or nulls 1 if they are the same, else 0; against anything else 0;
//   - values of other, different types the [Levenshtein] likeness of their JSON, compact and with sorted keys.
//
// Two empty objects and two empty arrays are alike, 1.
func JSONDiff(output, expected string) float64 { return likeness(document(output), document(expected)) }

func document(text string) any {
	v, err := strictjson.Value(text)
	if err != nil {
		return text
	}
	return v
}

func likeness(a, b any) float64 {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			return objectLikeness(x, y)
		}
	case []any:
		if y, ok := b.([]any); ok {
			longest := max(len(x), len(y))
			if longest == 0 {
				return 1
			}
			sum := 0.0
			for i := range min(len(x), len(y)) {
				sum += likeness(x[i], y[i])
			}
			return sum / float64(longest)
		}
	case string:
		if y, ok := b.(string); ok {
			return Levenshtein(x, y)
		}
	case json.Number:
		if y, ok := b.(json.Number); ok {
			return numberLikeness(x, y)
		}
	}
	if a == nil || b == nil || isBool(a) || isBool(b) {
		if isScalar(a) && isScalar(b) && a == b {
			return 1
		}
		return 0
	}
	return Levenshtein(compact(a), compact(b))
}

func objectLikeness(a, b map[string]any) float64 {
	n := len(a)
	//workflowcheck:ignore keys are counted
	for key := range b {
		if _, ok := a[key]; !ok {
			n++
		}
	}
	if n == 0 {
		return 1
	}
	// The order of the keys is fixed: a sum in another order differs in its last bit.
	keys := slices.Sorted(maps.Keys(a)) //workflowcheck:ignore sorted

	sum := 0.0
	for _, key := range keys {
		if v, ok := b[key]; ok {
			sum += likeness(a[key], v)
		}
	}
	return sum / float64(n)
}

func numberLikeness(a, b json.Number) float64 {
	if canonical(a) == canonical(b) {
		return 1
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	if errX != nil || errY != nil {
		return 0 // one is beyond the range of a float
	}
	d, err := NumericDiff(x, y)
	if err != nil {
		return 0
	}
	return min(d, math.Nextafter(1, 0)) // long numbers may differ where floats cannot
}

func isBool(v any) bool { _, ok := v.(bool); return ok }

func isScalar(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// compact returns v as JSON without spaces, with sorted keys, and text as it is.
func compact(v any) string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	//workflowcheck:ignore keys are sorted
	if err := enc.Encode(v); err != nil {
		panic("judges: " + err.Error()) // of what Value returned
	}
	return string(bytes.TrimSuffix(buf.Bytes(), []byte("\n")))
}
