package betting

import (
	"encoding/binary"
	"errors"
	"math"
)

// A state is written as a byte for its form and then, for each number, the eight bytes of its mantissa, in [1/2, 1), and
// its binary exponent as a varint. It has the one form for the same state, and reads back as a state that continues to the
// same bytes. Which nodes there are is not in it: the definition of the experiment says that.
const stateForm = 1

var errState = errors.New("betting: not a state of these tests")

type writer []byte

func (w *writer) number(f float64, x int32) {
	f, e := math.Frexp(f)
	*w = binary.LittleEndian.AppendUint64(*w, math.Float64bits(f))
	*w = binary.AppendVarint(*w, int64(x)+int64(e))
}

func (w *writer) wealth(f *[bets]float64, x *[bets]int32) {
	for g := range f {
		w.number(f[g], x[g])
	}
}

type reader struct {
	data []byte
	bad  bool
}

func (r *reader) number() (f float64, x int32) {
	if len(r.data) < 9 {
		r.bad = true
		return 0.5, 0
	}
	f = math.Float64frombits(binary.LittleEndian.Uint64(r.data))
	e, n := binary.Varint(r.data[8:])
	if size := math.Abs(f); n <= 0 || e != int64(int32(e)) || f != 0 && !(size >= 0.5 && size < 1) {
		r.bad = true
		return 0.5, 0
	}
	r.data = r.data[8+n:]
	return f, int32(e)
}

func (r *reader) float() float64 {
	f, x := r.number()
	return math.Ldexp(f, int(x))
}

func (r *reader) wealth(f *[bets]float64, x *[bets]int32) {
	for g := range f {
		f[g], x[g] = r.number()
		r.bad = r.bad || !(f[g] > 0)
	}
}

func read(data []byte, body func(*reader)) error {
	if len(data) == 0 || data[0] != stateForm {
		return errState
	}
	r := &reader{data: data[1:]}
	body(r)
	if r.bad || len(r.data) > 0 {
		return errState
	}
	return nil
}

// MarshalBinary returns the state, about 270 bytes, or one for a test that has bet nothing.
func (t *Test) MarshalBinary() ([]byte, error) {
	w := writer{stateForm}
	if t.started {
		w.wealth(&t.wealth, &t.exponent)
		w.number(t.now, t.top)
		w.number(t.peak, t.top)
	}
	return w, nil
}

// UnmarshalBinary replaces the state.
func (t *Test) UnmarshalBinary(data []byte) error {
	var n Test
	if len(data) == 1 && data[0] == stateForm {
		*t = n
		return nil
	}
	err := read(data, func(r *reader) {
		n.start()
		r.wealth(&n.wealth, &n.exponent)
		now, x := r.number()
		peak, y := r.number()
		n.top = max(0, y-enormous)
		n.rescale()
		n.now, n.peak = math.Ldexp(now, int(x-n.top)), math.Ldexp(peak, int(y-n.top))
	})
	if err == nil {
		*t = n
	}
	return err
}

// each calls f with every wealth of b.
func (b *Bound) each(f func(w *[bets]float64, x *[bets]int32)) {
	for i := range b.blocks {
		for k := range b.blocks[i].wealth {
			f(&b.blocks[i].wealth[k], &b.blocks[i].exponent[k])
		}
	}
}

func (p *Pair) bounds() []*Bound { return []*Bound{&p.more, &p.less, &p.above, &p.below} }

// MarshalBinary returns the state: some 18 kB, and 41 kB with a lift, and 1 kB more for each further bound that is decided on.
func (p *Pair) MarshalBinary() ([]byte, error) {
	w := writer{stateForm}
	for _, f := range []float64{p.a, p.m, p.mb, p.mj, p.wb, p.ub, p.wj, p.uj, p.units} {
		w.number(f, 0)
	}
	for _, b := range p.bounds() {
		b.each(w.wealth)
	}
	return w, nil
}

// UnmarshalBinary replaces the state of a pair with the same origin and the same bounds to decide on. After an error the
// state is undefined.
func (p *Pair) UnmarshalBinary(data []byte) error {
	return read(data, func(r *reader) {
		for _, f := range []*float64{&p.a, &p.m, &p.mb, &p.mj, &p.wb, &p.ub, &p.wj, &p.uj, &p.units} {
			*f = r.float()
		}
		for _, b := range p.bounds() {
			b.each(r.wealth)
			b.room = roomy
		}
	})
}

// MarshalBinary returns the state, some 18 kB.
func (m *Mean) MarshalBinary() ([]byte, error) {
	w := writer{stateForm}
	m.more.each(w.wealth)
	m.less.each(w.wealth)
	return w, nil
}

// UnmarshalBinary replaces the state. After an error the state is undefined.
func (m *Mean) UnmarshalBinary(data []byte) error {
	return read(data, func(r *reader) {
		for _, b := range []*Bound{&m.more, &m.less} {
			b.each(r.wealth)
			b.room = roomy
		}
	})
}
