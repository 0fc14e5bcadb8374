package agreement

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// Scale says what the differences of ratings mean.
type Scale uint8

// The scales.
const (
	Nominal  Scale = iota // labels: two are the same or they are not
	Ordinal               // ranks: only their order counts
	Interval              // numbers: their differences count
)

// maxGroups bounds the number of times that the jackknife computes alpha again.
const maxGroups = 200

// Alpha returns Krippendorff's alpha of any number of raters, of whom some may have skipped some units: 1 − Do/De, with
// Do the observed disagreement and De the one expected if all ratings were dealt to the units at random (Krippendorff
// 2011, "Computing Krippendorff's Alpha-Reliability", sections C to F). It is 1 for perfect agreement and 0 for chance,
// and can be negative.
//
// ratings has one list for each unit, in any order of the raters; NaN is a rating that is missing. Units with fewer
// than two ratings do not count. The interval is the jackknife's over units. [judges.ErrUndefined] where no unit has
// two ratings, and where all of them are the same, because then nothing shows that the raters can tell units from each
// other. Infinite ratings are refused.
func Alpha(ratings [][]float64, scale Scale, level float64) (Estimate, error) {
	z, err := quantile(level)
	if err != nil {
		return Estimate{}, err
	}
	r, err := rated(ratings, scale)
	if err != nil {
		return Estimate{}, err
	}
	units := len(r.units)
	if units == 0 {
		return Estimate{}, undefined("no unit has two ratings")
	}
	value, ok := r.alpha(func(int) bool { return true })
	if !ok {
		return Estimate{}, undefined("all ratings are the same")
	}
	groups := min(units, maxGroups)
	sum, squares := 0.0, 0.0
	for g := range groups {
		without, ok := r.alpha(func(u int) bool { return u%groups != g })
		if !ok {
			without = 1 // nothing that differs is left: as far away as can be
		}
		sum += without - value
		squares += (without - value) * (without - value)
	}
	k := float64(groups)
	variance := (k - 1) / k * max(squares-sum*sum/k, 0)
	return chanceCorrected(value, variance, float64(units), z), nil
}

// reliability has the ratings of the units that have two or more, as places in values; both are sorted.
type reliability struct {
	units  [][]int
	values []float64
	scale  Scale
}

func rated(ratings [][]float64, scale Scale) (reliability, error) {
	r := reliability{scale: scale}
	var units [][]float64
	for _, unit := range ratings {
		var given []float64
		for _, v := range unit {
			if math.IsInf(v, 0) {
				return r, scoring.Invalid("rating", "%v is not finite", v)
			}
			if !math.IsNaN(v) {
				given = append(given, v)
			}
		}
		if len(given) >= 2 {
			units = append(units, given)
			r.values = append(r.values, given...)
		}
	}
	slices.Sort(r.values)
	r.values = slices.Compact(r.values)
	for _, unit := range units {
		places := make([]int, len(unit))
		for i, v := range unit {
			places[i], _ = slices.BinarySearch(r.values, v)
		}
		slices.Sort(places)
		r.units = append(r.units, places)
	}
	return r, nil
}

// alpha returns the coefficient over some of the units; false where it has none.
func (r reliability) alpha(in func(u int) bool) (float64, bool) {
	counts, n := make([]float64, len(r.values)), 0.0
	for u, unit := range r.units {
		if in(u) {
			for _, v := range unit {
				counts[v]++
				n++
			}
		}
	}
	positions := r.positions(counts)
	observed := 0.0
	for u, unit := range r.units {
		if !in(u) {
			continue
		}
		given := run{scale: r.scale, positions: positions}
		for i := 0; i < len(unit); {
			j := i
			for j < len(unit) && unit[j] == unit[i] {
				j++
			}
			given.add(unit[i], float64(j-i))
			i = j
		}
		observed += given.disagreement() / float64(len(unit)-1)
	}
	every := run{scale: r.scale, positions: positions}
	for v, count := range counts {
		if count > 0 {
			every.add(v, count)
		}
	}
	expected := every.disagreement()
	if expected == 0 {
		return 0, false
	}
	return 1 - observed*(n-1)/expected, true
}

// positions returns where the values are, so that the square of a distance is the difference of the scale. For ranks
// that is the number of ratings below, and half of those at the same rank: then the square is Krippendorff's ordinal
// difference.
func (r reliability) positions(counts []float64) []float64 {
	positions := make([]float64, len(counts))
	if r.scale == Ordinal {
		below := 0.0
		for v, count := range counts {
			positions[v] = below + count/2
			below += count
		}
		return positions
	}
	lowest, highest := r.values[0], r.values[len(r.values)-1]
	unit := max(math.Abs(lowest), math.Abs(highest), math.SmallestNonzeroFloat64)
	for v := range positions {
		positions[v] = r.values[v] / unit // squares of shares do not overflow
	}
	return positions
}

// run sums up the differences of all ordered pairs of some ratings.
type run struct {
	scale     Scale
	positions []float64

	n, same       float64 // ratings; ordered pairs of the same value
	mean, squares float64 // of the positions (Welford 1962)
	values        int
}

func (r *run) add(value int, count float64) {
	r.values++
	r.n += count
	r.same += count * count
	d := r.positions[value] - r.mean
	r.mean += d * count / r.n
	r.squares += count * d * (r.positions[value] - r.mean)
}

func (r *run) disagreement() float64 {
	switch {
	case r.values < 2:
		return 0
	case r.scale == Nominal:
		return r.n*r.n - r.same
	}
	return 2 * r.n * r.squares
}
