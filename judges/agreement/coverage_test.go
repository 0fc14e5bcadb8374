package agreement_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges/agreement"
)

// world is what pairs are drawn from: cells[i][j] is how likely the judge says i where j is the outcome.
type world struct {
	name  string
	cells [][]float64
	n     int
}

var worlds = []world{
	{"balanced", [][]float64{{.4, .1}, {.1, .4}}, 60},
	{"balanced, many", [][]float64{{.4, .1}, {.1, .4}}, 400},
	{"no better than chance", [][]float64{{.25, .25}, {.25, .25}}, 100},
	{"nearly perfect", [][]float64{{.49, .01}, {.01, .49}}, 60},
	{"95 % good", [][]float64{{.03, .02}, {.02, .93}}, 200},
	{"five grades", [][]float64{{.10, .03, .01, 0, 0}, {.04, .12, .04, .01, 0}, {.01, .04, .15, .04, .01}, {0, .01, .04, .12, .04}, {0, 0, .01, .03, .15}}, 100},
}

func (w world) draw(rng *rand.Rand) (pairs []agreement.Pair[float64]) {
	for range w.n {
		u := rng.Float64()
	cells:
		for i, row := range w.cells {
			for j, p := range row {
				if u -= p; u < 0 {
					pairs = append(pairs, agreement.Pair[float64]{Judge: float64(i), Outcome: float64(j)})
					break cells
				}
			}
		}
	}
	return pairs
}

// truth returns the statistic of the world, from many pairs in its shares.
func (w world) truth(t *testing.T, statistic func([]agreement.Pair[float64]) (agreement.Estimate, error)) float64 {
	var pairs []agreement.Pair[float64]
	for i, row := range w.cells {
		for j, p := range row {
			for range int(math.Round(p * 10_000)) {
				pairs = append(pairs, agreement.Pair[float64]{Judge: float64(i), Outcome: float64(j)})
			}
		}
	}
	e, err := statistic(pairs)
	require.NoError(t, err)
	return e.Value
}

// The intervals contain the truth about as often as they say, also where the pairs are few or nearly all agree.
func TestCoverage(t *testing.T) {
	t.Parallel()
	draws, least := 400, .87
	if testing.Short() {
		draws, least = 100, .8
	}
	table := func(f func(agreement.Table[float64], float64) (agreement.Estimate, error)) func([]agreement.Pair[float64]) (agreement.Estimate, error) {
		return func(pairs []agreement.Pair[float64]) (agreement.Estimate, error) {
			table, err := agreement.Tabulate(pairs, 0, 1)
			if err != nil {
				return agreement.Estimate{}, err
			}
			return f(table, .95)
		}
	}
	for name, statistic := range map[string]func([]agreement.Pair[float64]) (agreement.Estimate, error){
		"observed":  table(agreement.Observed[float64]),
		"kappa":     table(agreement.Kappa[float64]),
		"quadratic": table(agreement.QuadraticKappa),
		"AC1":       table(agreement.AC1[float64]),
		"alpha": func(pairs []agreement.Pair[float64]) (agreement.Estimate, error) {
			return agreement.Alpha(units(pairs), agreement.Nominal, .95)
		},
	} {
		for _, w := range worlds {
			t.Run(fmt.Sprintf("%s, %s", name, w.name), func(t *testing.T) {
				t.Parallel()
				n := draws
				if name == "alpha" {
					n = draws * 3 / 8 // each is computed once for every unit
				}
				rng, truth := rand.New(rand.NewPCG(13, 2)), w.truth(t, func(pairs []agreement.Pair[float64]) (agreement.Estimate, error) {
					return statistic(pairs)
				})
				covered, defined, width := 0, 0, 0.
				for range n {
					e, err := statistic(w.draw(rng))
					if err != nil {
						continue
					}
					defined++
					width += (e.Hi - e.Lo) / float64(n)
					require.Positive(t, e.Hi-e.Lo)
					if e.Lo <= truth && truth <= e.Hi {
						covered++
					}
				}
				require.Greater(t, defined, n*9/10)
				share := float64(covered) / float64(defined)
				t.Logf("truth %.3f, covered %.3f, mean width %.3f", truth, share, width)
				// With 1,000 draws (alpha: 200) it is .921 to .985; the standard error of 400 is .011, of 150 .018.
				require.Greater(t, share, least)
			})
		}
	}
}

func units(pairs []agreement.Pair[float64]) (units [][]float64) {
	for _, p := range pairs {
		units = append(units, []float64{p.Judge, p.Outcome})
	}
	return units
}
