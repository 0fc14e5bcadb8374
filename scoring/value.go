package scoring

import (
	"encoding/json"
	"math"
	"reflect"
	"strconv"
)

// Kind tells the two kinds of a [Value] apart. The zero Kind has no value.
type Kind uint8

// The kinds of a value.
const (
	None Kind = iota
	NumberKind
	BoolKind
)

// Value is a finite number or a boolean. The zero Value is neither: it has no number, and is never read as 0.
// In JSON a Value is a number, a boolean or null.
type Value struct {
	kind Kind
	num  float64
}

// NumberValue returns a number. It refuses NaN and the infinities.
func NumberValue(v float64) (Value, error) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return Value{}, Invalid("value", "%v is not a finite number", v)
	}
	return Value{kind: NumberKind, num: v}, nil
}

// BoolValue returns a boolean.
func BoolValue(b bool) Value {
	if b {
		return Value{kind: BoolKind, num: 1}
	}
	return Value{kind: BoolKind}
}

// ValueOf makes a Value of a boolean or a number of any Go type. A float32 is taken for the decimal that it stands for:
// float32(0.7) is 0.7, and not 0.699999988. An integer beyond 2^53 is rounded as Go rounds it to a float64; where it comes
// from outside, in JSON, it is refused instead. It refuses anything else, NaN and the infinities.
func ValueOf(value any) (Value, error) {
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
		return Value{}, Invalid("value", "nil is not a number or a boolean")
	case v.Kind() == reflect.Bool:
		return BoolValue(v.Bool()), nil
	case v.CanInt():
		return NumberValue(float64(v.Int()))
	case v.CanUint():
		return NumberValue(float64(v.Uint()))
	case v.Kind() == reflect.Float32:
		return NumberValue(Decimal32(float32(v.Float())))
	case v.CanFloat():
		return NumberValue(v.Float())
	}
	return Value{}, Invalid("value", "a %T is not a number or a boolean", value)
}

// Decimal32 returns the number that the shortest decimal of f stands for.
func Decimal32(f float32) float64 {
	x, err := strconv.ParseFloat(strconv.FormatFloat(float64(f), 'g', -1, 32), 64)
	if err != nil {
		return float64(f) // never: it is its own output
	}
	return x
}

// Kind returns the kind of v.
func (v Value) Kind() Kind { return v.kind }

// IsSet tells whether v is a number or a boolean.
func (v Value) IsSet() bool { return v.kind != None }

// Float returns the number, or 1 for true and 0 for false; ok is false when there is no value.
func (v Value) Float() (f float64, ok bool) { return v.num, v.kind != None }

// Bool returns the boolean; ok is false when v is not a boolean.
func (v Value) Bool() (b, ok bool) { return v.num != 0, v.kind == BoolKind }

// Equal tells whether v and w are the same value of the same kind.
func (v Value) Equal(w Value) bool { return v == w }

func (v Value) String() string {
	switch v.kind {
	case NumberKind:
		return strconv.FormatFloat(v.num, 'g', -1, 64)
	case BoolKind:
		return strconv.FormatBool(v.num != 0)
	default:
		return ""
	}
}

// MarshalJSON writes a number, a boolean or null.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case NumberKind:
		return json.Marshal(v.num)
	case BoolKind:
		return json.Marshal(v.num != 0)
	default:
		return []byte("null"), nil
	}
}

// UnmarshalJSON reads a number, a boolean or null, and refuses everything else.
func (v *Value) UnmarshalJSON(data []byte) error {
	var raw any
	if err := json.Unmarshal(data, &raw); err != nil {
		return Invalid("value", "%s is not a number or a boolean", data)
	}
	switch x := raw.(type) {
	case nil:
		*v = Value{}
	case bool:
		*v = BoolValue(x)
	case float64:
		n, err := NumberValue(x)
		if err != nil {
			return err
		}
		*v = n
	default:
		return Invalid("value", "%.40s is not a number or a boolean", data)
	}
	return nil
}
