package scoring

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
)

// MaxField is the limit in bytes of the path of a field, and of a text that a field is compared with.
const MaxField = 256

// Comparison is how a [Predicate] compares.
type Comparison string

// The comparisons. A number and a text are never equal, and only numbers have an order.
const (
	Equals    Comparison = "eq"
	NotEquals Comparison = "ne"
	LessThan  Comparison = "lt"
	AtMost    Comparison = "le"
	MoreThan  Comparison = "gt"
	AtLeast   Comparison = "ge"
)

// Predicate compares a JSON field of an outcome's payload with a value. It is data, so that the store
// can apply it. A field that the payload does not have meets no predicate.
type Predicate struct {
	// Field is the path of the field: the names of members and the indices of elements, from outside in, with points in
	// between, such as "pull_request.merged". Empty, it means the outcome's own value.
	Field string     `json:"field,omitempty"`
	Is    Comparison `json:"is"`
	// Value is a number, a boolean or a text, in JSON.
	Value json.RawMessage `json:"value"`
}

// Validate refuses an unknown comparison, a value that is no number, boolean or text, and an order of something else than
// numbers.
func (p Predicate) Validate() error {
	if err := checkText("field", p.Field, MaxField, false); err != nil {
		return err
	}
	if len(p.Value) > 6*MaxField {
		return Invalid("compared value", "%d bytes, at most %d are allowed", len(p.Value), MaxField)
	}
	v, ok := scalar(p.Value)
	if !ok {
		return Invalid("compared value", "%.40s is not a number, a boolean or a text", p.Value)
	}
	switch p.Is {
	case Equals, NotEquals:
		return nil
	case LessThan, AtMost, MoreThan, AtLeast:
		if _, number := v.(json.Number); !number {
			return Invalid("compared value", "%q compares numbers, and %.40s is not one", p.Is, p.Value)
		}
		return nil
	}
	return Invalid("comparison", "%q is not a comparison", p.Is)
}

// Met tells whether o meets p.
func (p Predicate) Met(o Outcome) bool {
	want, ok := scalar(p.Value)
	if !ok {
		return false
	}
	field := json.RawMessage(nil)
	if p.Field != "" {
		field = fieldOf(o.Payload, strings.Split(p.Field, "."))
	} else if o.Value.IsSet() {
		field, _ = o.Value.MarshalJSON() // a finite number or a boolean
	}
	got, ok := scalar(field)
	if !ok {
		return false
	}
	a, number := got.(json.Number)
	b, both := want.(json.Number)
	if !number || !both {
		return p.Is == Equals && got == want || p.Is == NotEquals && got != want
	}
	switch order := compareNumbers(a, b); p.Is {
	case Equals:
		return order == 0
	case NotEquals:
		return order != 0
	case LessThan:
		return order < 0
	case AtMost:
		return order <= 0
	case MoreThan:
		return order > 0
	case AtLeast:
		return order >= 0
	}
	return false
}

// scalar reads a number, a boolean or a text.
func scalar(data json.RawMessage) (v any, ok bool) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 {
		return nil, false
	}
	var err error
	switch c := data[0]; {
	case c == '"':
		var text string
		err = json.Unmarshal(data, &text)
		v = text
	case c == 't', c == 'f':
		var b bool
		err = json.Unmarshal(data, &b)
		v = b
	case c == '-', c >= '0' && c <= '9':
		var n json.Number
		err = json.Unmarshal(data, &n)
		v = n
	default:
		return nil, false
	}
	return v, err == nil
}

// fieldOf returns the field of a document that a path leads to, or nil.
func fieldOf(data json.RawMessage, path []string) json.RawMessage {
	for _, step := range path {
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(data, &object) == nil:
			data = object[step]
		case json.Unmarshal(data, &list) == nil:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(list) {
				return nil
			}
			data = list[i]
		default:
			return nil
		}
	}
	return data
}

// compareNumbers orders integers by all of their digits, and other numbers as float64.
func compareNumbers(a, b json.Number) int {
	if x, ok := new(big.Int).SetString(a.String(), 10); ok {
		if y, ok := new(big.Int).SetString(b.String(), 10); ok {
			return x.Cmp(y)
		}
	}
	x, _ := a.Float64() // an infinity where it is too large: the order is right all the same
	y, _ := b.Float64()
	return cmp.Compare(x, y)
}
