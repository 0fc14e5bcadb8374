package analysis

import (
	"cmp"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// Block is how long the times are within which [SideBySide] compares.
const Block = time.Hour

// Sided is a run that nothing was randomised for: it ran on one of two sides, such as a build of a worker.
type Sided struct {
	// Group keeps apart runs that are never compared, such as runs of two types of workflows.
	Group string
	At    time.Time
	// Second tells that it is of the second side, which is compared with the first.
	Second bool

	block int64
}

// SideBySide returns the indices of the runs of the times in which both sides ran, in the order in which they are bet on: by hour, UTC,
// group and time. It looks at no outcome.
//
// Hours of a group in which only one side ran are left out. So are, at both ends of a row of hours in which both did, the runs up to the
// first of the other side: in a deploy that replaces one build by the next nothing ran side by side, although it did in one hour.
func SideBySide(runs []Sided) []int {
	order := make([]int, len(runs))
	for i := range runs {
		order[i] = i
		runs[i].block = runs[i].At.UnixNano() / int64(Block)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(runs[a].Group, runs[b].Group), runs[a].At.Compare(runs[b].At), cmp.Compare(a, b))
	})
	var kept, series []int
	end := func() {
		kept = append(kept, interior(runs, series)...)
		series = nil
	}
	for len(order) > 0 {
		first := runs[order[0]]
		n := slices.IndexFunc(order, func(i int) bool { return runs[i].Group != first.Group || runs[i].block != first.block })
		if n < 0 {
			n = len(order)
		}
		hour := order[:n]
		order = order[n:]
		if len(series) > 0 {
			if last := runs[series[len(series)-1]]; last.Group != first.Group || last.block+1 != first.block {
				end()
			}
		}
		if both(runs, hour) {
			series = append(series, hour...)
		} else {
			end()
		}
	}
	end()
	slices.SortStableFunc(kept, func(a, b int) int {
		return cmp.Or(cmp.Compare(runs[a].block, runs[b].block), cmp.Compare(runs[a].Group, runs[b].Group))
	})
	return kept
}

// interior cuts the runs of a row of hours up to the first of the other side, from both ends. Which ones it cuts depends on the sides of
// the ones that it cuts alone, so the sides of the others stay in any order as likely as in any other.
func interior(runs []Sided, series []int) []int {
	if len(series) == 0 {
		return nil
	}
	from := slices.IndexFunc(series, func(i int) bool { return runs[i].Second != runs[series[0]].Second }) + 1
	last := runs[series[len(series)-1]].Second
	until := len(series) - 1
	for until >= 0 && runs[series[until]].Second == last {
		until--
	}
	if from >= until {
		return nil
	}
	return series[from:until]
}

func both(runs []Sided, in []int) bool {
	return slices.ContainsFunc(in, func(i int) bool { return runs[i].Second != runs[in[0]].Second })
}

// Measured is a run of [SideBySide] with its value.
type Measured struct {
	Sided
	Value float64
}

// Sides are the results of a comparison of two sides, each with the first one's at 0 and the second one's at 1.
type Sides struct {
	Runs [2]int
	Mean [2]float64
	// Bets is how many of the runs were bet on: the last ones of an hour are of one side alone, and say nothing. Cut is how many values
	// were cut, to Lo or Hi.
	Bets   int
	Cut    int
	Lo, Hi float64
	// Difference is of the second side to the first within hours, weighed as the bets weigh them, and so not the difference of Mean.
	// The intervals hold where known is true.
	Known               bool
	Difference          float64
	Interval            Interval
	Lift                *float64
	LiftInterval        *Interval
	LogHigher, LogLower float64 // logarithms of the evidence that the second is higher, and lower
	PValue              float64
}

// Compare bets on the differences of two sides run by run, as experiments do on units, with their two variants. values are in the order
// of [SideBySide]. The odds of a run are the shares of the sides among the runs of its hour and group that have not been bet on yet.
// So the bets are fair, regardless of all that changes from hour to hour, if within an hour the sides come in any order as likely as in any other
// and make no difference. alpha is the probability to find a difference where that is so.
//
// boolean values are between 0 and 1. Other ones have the range that was seen; where the middle 98% lie within less than half of that,
// it is theirs, and the values beyond are cut. That depends on no side.
func Compare(values []Measured, boolean bool, alpha float64) (s Sides) {
	s.Lo, s.Hi = 0, 1
	if !boolean {
		s.Lo, s.Hi = span(values)
	}
	type block struct {
		at    int64
		group string
	}
	left := map[block]*[2]int{}
	for _, v := range values {
		b := block{v.block, v.Group}
		if left[b] == nil {
			left[b] = &[2]int{}
		}
		left[b][side(v.Sided)]++
	}
	size := s.Hi - s.Lo
	if !estimate.Finite(size) {
		size = 0
	}
	origin := -1.0
	if size > 0 {
		origin = s.Lo / size
	}
	pair := betting.NewPair(origin, false, nil, nil)
	var higher, lower betting.Test
	var centre betting.Centre
	var sums [2]float64
	for _, v := range values {
		k := side(v.Sided)
		y := max(s.Lo, min(s.Hi, v.Value))
		if y != v.Value {
			s.Cut++
		}
		s.Runs[k]++
		sums[k] += y
		n := left[block{v.block, v.Group}]
		own, other := float64(n[k]), float64(n[1-k])
		n[k]--
		if size == 0 {
			continue
		}
		u := (y - s.Lo) / size
		if stake, ok := betting.NewStake(u, centre.Value(), own/(own+other), other/(own+other)); ok {
			if k == 0 {
				stake = stake.Reversed()
			}
			pair.Add(stake)
			higher.Than(stake, 0)
			lower.Than(stake.Reversed(), 0)
		}
		centre.Add(u)
	}
	for k := range sums {
		if s.Runs[k] > 0 {
			s.Mean[k] = sums[k] / float64(s.Runs[k])
		}
	}
	s.PValue = 1
	if s.Bets = pair.Units(); s.Bets == 0 || min(s.Runs[0], s.Runs[1]) < MinUnits {
		return s
	}
	threshold := 2 / alpha
	value, lo, hi := pair.Difference(threshold)
	in := ends(estimate.Interval{Lo: lo * size, Hi: hi * size})
	if in == nil {
		return s
	}
	s.Known, s.Difference, s.Interval = true, value*size+0, *in
	if lift, lo, hi, ok := pair.Lift(threshold); ok {
		s.Lift, s.LiftInterval = number(lift), ends(estimate.Interval{Lo: lo, Hi: hi})
	}
	s.LogHigher, s.LogLower = higher.LogE(), lower.LogE()
	s.PValue = min(1, 2/max(higher.Peak(), lower.Peak()))
	return s
}

// Shown is 1 if the second side is higher, -1 if it is lower, and 0 if neither is shown.
func (s Sides) Shown() int {
	switch {
	case s.Known && s.Interval.Lo > 0:
		return 1
	case s.Known && s.Interval.Hi < 0:
		return -1
	}
	return 0
}

func side(r Sided) int {
	if r.Second {
		return 1
	}
	return 0
}

// span is the range that values are bet on in.
func span(values []Measured) (lo, hi float64) {
	if len(values) == 0 {
		return 0, 0
	}
	all := make([]float64, len(values))
	for i, v := range values {
		all[i] = v.Value
	}
	slices.Sort(all)
	last := len(all) - 1
	lo, hi = all[0], all[last]
	if from, to := all[last/100], all[last-last/100]; to > from && hi/2-lo/2 > to-from {
		return from, to
	}
	return lo, hi
}
