package display

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/verdict-dev/verdict/experiments/results"
)

// none is shown where there is nothing to show.
const none = "-"

// digits are how many significant ones people are shown.
const digits = 3

// short returns x in three significant digits.
func short(x float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
	if err != nil {
		return strconv.FormatFloat(x, 'g', digits, 64) // too large once it is rounded up
	}
	rounded += 0 // -0 becomes 0
	if size := math.Abs(rounded); size != 0 && (size < 1e-4 || size >= 1e7) {
		return strconv.FormatFloat(rounded, 'g', digits, 64)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}

// signed is short with a sign.
func signed(x float64) string {
	if x > 0 {
		return "+" + short(x)
	}
	return short(x)
}

// percent is signed of a share. A share whose percentage overflows is not shown.
func percent(x float64) string {
	if math.Abs(x) > math.MaxFloat64/100 {
		return none
	}
	return signed(100*x) + "%"
}

// Number is a number in three significant digits; "-" when there is none.
func Number(f *float64) string { return optional(f, short) }

// Probability is a number that is neither 0 nor 1, because it never is; "-" when there is none.
func Probability(f *float64) string {
	const least = 0.001
	switch {
	case f == nil:
		return none
	case *f < least:
		return "<" + short(least)
	case *f > 1-least:
		return ">" + short(1-least)
	}
	return short(*f)
}

// Percent is a share as a signed percentage in three significant digits; "-" when there is none.
func Percent(f *float64) string { return optional(f, percent) }

// Range is an interval in three significant digits; "-" when there is none.
func Range(in *results.Interval) string { return between(in, short) }

// SignedRange is Range with signs, and PercentRange of percentages.
func SignedRange(in *results.Interval) string  { return between(in, signed) }
func PercentRange(in *results.Interval) string { return between(in, percent) }

func optional(f *float64, show func(float64) string) string {
	if f == nil {
		return none
	}
	return show(*f)
}

// between shows the ends of an interval. An end that rounding alone keeps from 0 is shown as 0.
func between(in *results.Interval, show func(float64) string) string {
	if in == nil {
		return none
	}
	lo, hi := in.Lo, in.Hi
	nothing := min(1e-12*(hi-lo), 1e-9) // the ends may be so large that they have no difference
	if math.Abs(lo) < nothing {
		lo = 0
	}
	if math.Abs(hi) < nothing {
		hi = 0
	}
	from, to := show(lo), show(hi)
	if from == none || to == none {
		return none
	}
	return from + " to " + to
}

// Difference is a row's difference to the control, "control" for the control itself, and "-" when there is none.
func Difference(e results.Experiment, r results.Row) string {
	switch {
	case r.Variant == e.Control:
		return "control"
	case r.Versus == nil:
		return none
	}
	return signed(r.Versus.Difference)
}

// Approximate marks an interval of an asymptotic method.
const Approximate = "~"

// Methods says how the intervals of e were made.
func Methods(e results.Experiment) []string {
	rows := slices.Concat(e.Rows, e.Engine)
	uses := func(m results.Method) bool {
		return slices.ContainsFunc(rows, func(r results.Row) bool { return r.Versus != nil && r.Versus.Method == m })
	}
	var lines []string
	if uses(results.Betting) {
		lines = append(lines, fmt.Sprintf("intervals to %s: simultaneous %.4g%% over all variants and looks, betting confidence sequence", e.Control, 100*e.Level))
	}
	if uses(results.Asymptotic) {
		lines = append(lines, Approximate+": asymptotic confidence sequence, approximate with few units and for skewed values")
	}
	return lines
}

// Facts are the facts of the analysis in words, in the order of their times.
func Facts(e results.Experiment) []string {
	if e.Analysis == nil {
		return nil
	}
	var all []string
	for _, f := range e.Analysis.Facts {
		all = append(all, f.Text)
	}
	return all
}

// DifferenceRange is the interval of Difference.
func DifferenceRange(r results.Row) string {
	if r.Versus == nil {
		return none
	}
	return mark(r, SignedRange(r.Versus.DifferenceInterval))
}

// LiftUndefined says what undefined stands for.
const LiftUndefined = undefined + ": the control's mean is 0, up to rounding, so there is no lift over it"

// undefined is shown for a lift that is none.
const undefined = "none"

// liftUndefined tells that there is no lift because the control's mean is 0, up to rounding.
func liftUndefined(r results.Row) bool { return r.Versus != nil && r.Versus.LiftUndefined }

// LiftsUndefined tells that some row has no lift for that reason.
func LiftsUndefined(e results.Experiment) bool {
	return slices.ContainsFunc(slices.Concat(e.Rows, e.Engine), liftUndefined)
}

// Lift is the difference as a share of the control, in percent.
func Lift(r results.Row) string {
	switch {
	case r.Versus == nil:
		return none
	case liftUndefined(r):
		return undefined
	}
	return Percent(r.Versus.Lift)
}

// LiftRange is the interval of Lift.
func LiftRange(r results.Row) string {
	if r.Versus == nil {
		return none
	}
	return mark(r, PercentRange(r.Versus.LiftInterval))
}

// mark marks an approximate interval.
func mark(r results.Row, interval string) string {
	if interval == none || !r.Versus.Approximate {
		return interval
	}
	return Approximate + interval
}
