// Package packed writes states and reads them back, to the last bit: the same state has the one form. One description of
// a state's fields serves both directions, so they cannot differ.
package packed

import (
	"encoding"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
	"time"
)

// ErrForm tells that bytes are not a state of the wanted form.
var ErrForm = errors.New("not a state of this form")

// Coder writes the fields of a state, or reads them. After an error it does nothing more, and fields are undefined.
type Coder struct {
	data    []byte
	reading bool
	err     error
}

// Write returns the state that body describes, behind the number of its form.
func Write(form byte, body func(*Coder)) ([]byte, error) {
	c := &Coder{data: []byte{form}}
	body(c)
	return c.data, c.err
}

// Read reads a state that Write has returned, with the same body. It returns [ErrForm] for anything else.
func Read(form byte, data []byte, body func(*Coder)) error {
	if len(data) == 0 || data[0] != form {
		return ErrForm
	}
	c := &Coder{data: data[1:], reading: true}
	body(c)
	if c.err == nil && len(c.data) > 0 {
		c.err = ErrForm
	}
	return c.err
}

// Reading tells whether fields are read, and not written.
func (c *Coder) Reading() bool { return c.reading }

// Refuse ends the reading of a state that cannot be.
func (c *Coder) Refuse() {
	if c.err == nil {
		c.err, c.data = ErrForm, nil
	}
}

func (c *Coder) take(n int) []byte {
	if c.err != nil || n < 0 || len(c.data) < n {
		c.Refuse()
		return nil
	}
	out := c.data[:n]
	c.data = c.data[n:]
	return out
}

func (c *Coder) varint(x int64) int64 {
	if c.err != nil {
		return 0
	}
	if !c.reading {
		c.data = binary.AppendVarint(c.data, x)
		return x
	}
	x, n := binary.Varint(c.data)
	if n <= 0 {
		c.Refuse()
		return 0
	}
	c.data = c.data[n:]
	return x
}

// Int codes an integer.
func Int[T ~int | ~int32 | ~int64](c *Coder, x *T) {
	y := c.varint(int64(*x))
	if *x = T(y); int64(*x) != y {
		c.Refuse()
	}
}

// Float codes numbers by their bits.
func (c *Coder) Float(all ...*float64) {
	for _, f := range all {
		switch {
		case c.err != nil:
			return
		case !c.reading:
			c.data = binary.LittleEndian.AppendUint64(c.data, math.Float64bits(*f))
		default:
			if bits := c.take(8); bits != nil {
				*f = math.Float64frombits(binary.LittleEndian.Uint64(bits))
			}
		}
	}
}

// Bool codes truths.
func (c *Coder) Bool(all ...*bool) {
	for _, b := range all {
		x := 0
		if *b {
			x = 1
		}
		Int(c, &x)
		*b = x == 1
	}
}

// Text codes a text.
func (c *Coder) Text(s *string) {
	if n := c.size(len(*s)); c.reading {
		*s = string(c.take(n))
	} else {
		c.data = append(c.data, *s...)
	}
}

// Time codes a time to the nanosecond, in UTC.
func (c *Coder) Time(all ...*time.Time) {
	for _, t := range all {
		sec, nsec := c.varint(t.Unix()), c.varint(int64(t.Nanosecond()))
		if c.reading {
			*t = time.Unix(sec, nsec).UTC()
		}
	}
}

// Binary codes what has a form of its own.
func (c *Coder) Binary(x interface {
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}) {
	if c.reading {
		if data := c.take(c.size(0)); c.err == nil {
			c.err = x.UnmarshalBinary(data)
		}
		return
	}
	data, err := x.MarshalBinary()
	if err != nil {
		c.err = err
		return
	}
	c.size(len(data))
	c.data = append(c.data, data...)
}

// size codes how many bytes or elements follow: each has a byte at least.
func (c *Coder) size(n int) int {
	n = int(c.varint(int64(n)))
	if c.reading && (n < 0 || n > len(c.data)) {
		c.Refuse()
		return 0
	}
	return n
}

// List codes a list; nil is not an empty one.
func List[T any](c *Coder, list *[]T, each func(*T)) {
	there := *list != nil
	if c.Bool(&there); !there {
		*list = nil
		return
	}
	n := c.size(len(*list))
	if c.reading {
		*list = make([]T, n)
	}
	for i := range *list {
		each(&(*list)[i])
	}
}

// Fixed codes the elements of a list whose length is known.
func Fixed[T any](c *Coder, list []T, each func(*T)) {
	for i := range list {
		each(&list[i])
	}
}

// Floats codes a list of numbers.
func (c *Coder) Floats(list *[]float64) { List(c, list, func(f *float64) { c.Float(f) }) }

// Map codes a map, in the order of its keys.
func Map[K comparable, V any](c *Coder, m *map[K]V, compare func(a, b K) int, each func(*K, *V)) {
	n := c.size(len(*m))
	if !c.reading {
		for _, k := range slices.SortedFunc(maps.Keys(*m), compare) {
			v := (*m)[k]
			each(&k, &v)
		}
		return
	}
	*m = make(map[K]V, n)
	for range n {
		var k K
		var v V
		if each(&k, &v); c.err != nil {
			return
		}
		(*m)[k] = v
	}
	if len(*m) != n {
		c.Refuse()
	}
}
