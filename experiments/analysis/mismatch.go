package analysis

import (
	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/exact"
)

// mismatch tests whether something happens to the units of all variants equally often. It may be looked at after every
// unit.
type mismatch struct {
	k      int
	centre betting.Centre
	pairs  []betting.Test // b*k+j: to b more often than to j
	total  float64        // the sum of their wealths, up to rounding
	warned moment
	alarm  moment
}

func newMismatch(k int) mismatch {
	return mismatch{k: k, pairs: make([]betting.Test, k*k), total: float64(k * (k - 1))}
}

// add plays a unit of variant v to which it happened or not. p is nil for a unit without usable probabilities.
func (m *mismatch) add(v int, happened bool, p []float64, at moment) {
	u := 0.0
	if happened {
		u = 1
	}
	c := m.centre.Value()
	m.centre.Add(u)
	if p == nil {
		return
	}
	for j := range m.k {
		if j == v {
			continue
		}
		s, ok := betting.NewStake(u, c, p[v], p[j])
		if !ok {
			continue
		}
		m.play(v*m.k+j, s)
		m.play(j*m.k+v, s.Reversed())
	}
	if m.k < 2 || m.alarm.unit > 0 {
		return
	}
	mean := m.total / float64(m.k*(m.k-1))
	if m.warned.unit == 0 && mean >= WarnE {
		m.warned = at
	}
	if mean >= AlarmE {
		m.alarm = at
	}
}

func (m *mismatch) play(pair int, s betting.Stake) {
	t := &m.pairs[pair]
	before := t.E()
	t.Than(s, 0)
	if m.alarm.unit == 0 { // after that wealths may grow beyond any sum
		m.total += t.E() - before
	}
}

// logE returns the natural logarithm of the mean of the wealths, which is an e-value as they are.
func (m *mismatch) logE() float64 {
	var logs []float64
	for b := range m.k {
		for j := range m.k {
			if b != j {
				logs = append(logs, m.pairs[b*m.k+j].LogE())
			}
		}
	}
	return logMean(logs)
}

// logMean returns the logarithm of the mean of numbers with the given logarithms, and 0 for none.
func logMean(logs []float64) float64 {
	if len(logs) == 0 {
		return 0
	}
	top, sum := logs[0], 0.0
	for _, l := range logs[1:] {
		top = max(top, l)
	}
	for _, l := range logs {
		sum += exact.Exp(l - top)
	}
	return top + exact.Ln(sum/float64(len(logs)))
}
