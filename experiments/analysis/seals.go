package analysis

import "fmt"

// seals counts what became of units at and after their seals, and tests whether the variants are reset equally often.
type seals struct {
	counts []SealCounts
	resets resets
}

func newSeals(k int) *seals {
	return &seals{counts: make([]SealCounts, k)}
}

// add counts a unit of variant v.
func (s *seals) add(v int, u Unit, p []float64) {
	c := &s.counts[v]
	switch {
	case u.SealedAt.IsZero():
		return
	case u.TooLate:
		c.TooLate++
		return
	case u.InGrace:
		c.InGrace++
	}
	if !u.Mature {
		return
	}
	c.Sealed++
	for _, o := range u.Outcomes {
		if o.Late {
			c.Corrected++
			break
		}
	}
	if u.Reset {
		c.Reset++
		s.resets.add(v, u, p)
	}
}

func (s *seals) total() (all SealCounts) {
	for _, c := range s.counts {
		all.Sealed += c.Sealed
		all.InGrace += c.InGrace
		all.Reset += c.Reset
		all.Corrected += c.Corrected
		all.TooLate += c.TooLate
	}
	return all
}

// report returns the counts by variant; nil for an experiment without a window.
func (s *seals) report(names []string) []SealCounts {
	if s.total() == (SealCounts{}) {
		return nil
	}
	out := make([]SealCounts, len(names))
	for v, c := range s.counts {
		c.Variant = names[v]
		out[v] = c
	}
	return out
}

// lateShare is the share of units that are known too late above which a note says so.
const lateShare = 0.01

// notes are caveats for the reader. resets is the test of the resets after the seal.
func (s *seals) notes(names []string, resets *ratio) (notes []string) {
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	by := func(count func(SealCounts) int) string {
		text := ""
		for v, c := range s.counts {
			if count(c) > 0 {
				if text != "" {
					text += ", "
				}
				text += fmt.Sprintf("%d of %s", count(c), names[v])
			}
		}
		return text
	}
	all := s.total()
	if all.InGrace > 0 {
		note("%s in their grace: their windows have closed, and facts may still be on their way", units(all.InGrace, "is", "are"))
	}
	if all.Reset > 0 {
		note("%s reset or found unserved after the seal, and stay as sealed: %s", units(all.Reset, "was", "were"), by(func(c SealCounts) int { return c.Reset }))
	}
	if resets.warned.unit > 0 && resets.alarm.unit == 0 {
		note("the variants differ in how often units are reset after their seal (e = %s, alarm at %d)", eText(resets.logE()), AlarmE)
	}
	if n := all.Sealed + all.TooLate; float64(all.TooLate) > lateShare*float64(n) {
		note("the store learned of %d of %d units after their seal: they count in the sample ratio alone (%s)", all.TooLate, n, by(func(c SealCounts) int { return c.TooLate }))
	}
	return notes
}

// units is a number of units with a verb.
func units(n int, one, many string) string {
	if n == 1 {
		return "1 unit " + one
	}
	return fmt.Sprintf("%d units %s", n, many)
}
