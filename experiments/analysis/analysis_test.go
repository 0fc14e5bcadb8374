package analysis_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/scoring"
)

// source draws units of an experiment without delays: one a minute, mature at once.
type source struct {
	rng  *rand.Rand
	exp  *experiments.Experiment
	n    int
	draw func(variant string) []analysis.Outcome
	// weights by epoch; the last one holds on.
	weights []map[string]float64
	each    int // units an epoch
	mature  func(i int) bool
}

func newSource(t require.TestingT, d experiments.Definition, seed uint64, draw func(rng *rand.Rand, variant string) []analysis.Outcome) *source {
	e, err := experiments.New(d)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(seed, 1))
	return &source{rng: rng, exp: e, draw: func(v string) []analysis.Outcome { return draw(rng, v) }, each: 1 << 30}
}

func (s *source) next() analysis.Unit {
	epoch := min(s.n/s.each, max(len(s.weights)-1, 0))
	weights := map[string]float64{}
	if len(s.weights) > 0 {
		weights = s.weights[epoch]
	} else {
		for _, v := range s.exp.Definition().Variants {
			weights[v.Name] = v.Weight
		}
	}
	sum := 0.0
	for _, v := range s.exp.Definition().Variants {
		sum += weights[v.Name]
	}
	u := analysis.Unit{Epoch: epoch, At: start.Add(time.Duration(s.n) * time.Minute), Mature: true, Probabilities: map[string]float64{}}
	x := s.rng.Float64() * sum
	for _, v := range s.exp.Definition().Variants {
		u.Probabilities[v.Name] = weights[v.Name] / sum
		if x -= weights[v.Name]; x < 0 && u.Variant == "" {
			u.Variant = v.Name
		}
	}
	if s.mature != nil {
		u.Mature = s.mature(s.n)
	}
	u.Outcomes = s.draw(u.Variant)
	s.n++
	return u
}

func (s *source) units(n int) []analysis.Unit {
	out := make([]analysis.Unit, n)
	for i := range out {
		out[i] = s.next()
	}
	return out
}

func analyse(t require.TestingT, e *experiments.Experiment, units []analysis.Unit) *analysis.Analysis {
	a := analysis.New(e)
	for _, u := range units {
		require.NoError(t, a.Add(u))
	}
	return a
}

var late = start.Add(1000 * day)

func scored(y float64) analysis.Outcome {
	return analysis.Outcome{State: scoring.Scored, Value: y}
}

// rates draws booleans with a rate for each variant.
func rates(by map[string]float64) func(*rand.Rand, string) []analysis.Outcome {
	return func(rng *rand.Rand, variant string) []analysis.Outcome {
		if rng.Float64() < by[variant] {
			return []analysis.Outcome{scored(1)}
		}
		return []analysis.Outcome{scored(0)}
	}
}

func decide(t *testing.T, d experiments.Definition, n int, draw func(*rand.Rand, string) []analysis.Outcome, change ...func(*source)) analysis.Report {
	t.Helper()
	s := newSource(t, d, 7, draw)
	for _, c := range change {
		c(s)
	}
	return analyse(t, s.exp, s.units(n)).Report(late)
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	three := definition()
	three.Variants = append(three.Variants, experiments.Variant{Name: "long", Weight: 1})

	r := decide(t, definition(), 0, nil)
	require.Equal(t, experiments.Continue, r.Decision.Verdict)
	require.Contains(t, r.Decision.Reason, "no unit has matured")

	r = decide(t, definition(), 600, rates(map[string]float64{"control": .3, "short": .33}))
	require.Equal(t, experiments.Continue, r.Decision.Verdict, r.Decision.Reason)
	require.Positive(t, r.Decision.UnitsNeeded)
	require.Positive(t, r.Decision.TimeNeeded)

	r = decide(t, definition(), 3000, rates(map[string]float64{"control": .3, "short": .45}))
	require.Equal(t, experiments.Winner, r.Decision.Verdict, r.Decision.Reason)
	require.Equal(t, []string{"short"}, r.Decision.Variants)

	r = decide(t, definition(), 3000, rates(map[string]float64{"control": .45, "short": .3}))
	require.Equal(t, experiments.Harm, r.Decision.Verdict)
	require.Equal(t, []string{"short"}, r.Decision.Variants)

	lower := definition()
	lower.Primary.Direction = experiments.Lower
	r = decide(t, lower, 3000, rates(map[string]float64{"control": .45, "short": .3}))
	require.Equal(t, experiments.Winner, r.Decision.Verdict)
	require.Negative(t, r.Metrics[0].Variants[1].Versus.Difference)
	require.Greater(t, *r.Metrics[0].Variants[1].Best, .999)

	// A harmful variant is stopped; then the contest goes on among the others, and is decided.
	stopped := func(s *source) {
		s.each = 1500
		s.weights = []map[string]float64{{"control": 1, "short": 1, "long": 1}, {"control": 1, "short": 1, "long": 0}}
	}
	draw := rates(map[string]float64{"control": .5, "short": .62, "long": .3})
	r = decide(t, three, 1500, draw, stopped)
	require.Equal(t, experiments.Harm, r.Decision.Verdict)
	require.Equal(t, []string{"long"}, r.Decision.Variants)
	r = decide(t, three, 6000, draw, stopped)
	require.Equal(t, experiments.Winner, r.Decision.Verdict, r.Decision.Reason)
	require.Equal(t, []string{"short"}, r.Decision.Variants)

	// If every other variant was harmful, the control is what is left.
	two := func(s *source) {
		s.each = 1000
		s.weights = []map[string]float64{{"control": 1, "short": 1}, {"control": 1, "short": 0}}
	}
	r = decide(t, definition(), 1100, rates(map[string]float64{"control": .8, "short": .4}), two)
	require.Equal(t, experiments.Winner, r.Decision.Verdict)
	require.Equal(t, []string{"control"}, r.Decision.Variants)

	rope := definition()
	rope.ROPE, rope.MDE = .08, .08
	r = decide(t, rope, 4000, rates(map[string]float64{"control": .5, "short": .5}))
	require.Equal(t, experiments.Equivalent, r.Decision.Verdict, r.Decision.Reason)
	rope.ROPE = 0
	r = decide(t, rope, 3900, rates(map[string]float64{"control": .5, "short": .5}))
	require.Equal(t, experiments.Futile, r.Decision.Verdict, r.Decision.Reason)
	small := definition()
	small.MaxUnits = 300
	r = decide(t, small, 301, rates(map[string]float64{"control": .5, "short": .5}))
	require.Equal(t, experiments.Futile, r.Decision.Verdict, r.Decision.Reason)
}

// Neither the interval nor the e-process is enough, for a winner and for harm.
func TestBothMethodsMustAgree(t *testing.T) {
	t.Parallel()
	alone := map[string]bool{}
	for _, planned := range []int{50, 2000, 100_000} {
		for seed := range uint64(4) {
			for _, rate := range []float64{.30, .42} {
				d := definition()
				d.Planned = planned
				s := newSource(t, d, seed, rates(map[string]float64{"control": .36, "short": rate}))
				a := analysis.New(s.exp)
				for i := range 4000 {
					require.NoError(t, a.Add(s.next()))
					if i%50 > 0 {
						continue
					}
					r := a.Report(late)
					v := r.Metrics[0].Variants[1].Versus
					if v == nil {
						continue
					}
					if rate < .36 {
						bet, interval := *v.LogEWorse >= math.Log(20), v.DifferenceInterval.Hi < 0
						require.Equal(t, bet && interval, r.Decision.Verdict == experiments.Harm || r.Decision.Verdict == experiments.Winner)
						alone["harm by interval"] = alone["harm by interval"] || interval && !bet
						alone["harm by bet"] = alone["harm by bet"] || bet && !interval
						continue
					}
					c := r.Metrics[0].Variants
					side := estimate.Sequence{Alpha: .025, Planned: float64(planned)}
					e := estimate.Difference(proportion(c[1]), proportion(c[0]))
					bet, interval := *v.LogEBetter >= math.Log(40), side.Lower(e) > 0
					require.Equal(t, bet && interval, r.Decision.Verdict == experiments.Winner)
					alone["win by interval"] = alone["win by interval"] || interval && !bet
					alone["win by bet"] = alone["win by bet"] || bet && !interval
				}
			}
		}
	}
	require.Equal(t, map[string]bool{"harm by interval": true, "harm by bet": true, "win by interval": true, "win by bet": true}, alone)
}

func proportion(r analysis.Result) estimate.Estimate {
	n := float64(r.Scored)
	s := math.Round(*r.Mean * n)
	return estimate.Moments{N: n, Mean: s / n, M2: s - s*s/n}.Proportion()
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	good := rates(map[string]float64{"control": .3, "short": .6})
	invalid := func(reason string, d experiments.Definition, units []analysis.Unit) {
		e, err := experiments.New(d)
		require.NoError(t, err)
		r := analyse(t, e, units).Report(late)
		require.Equal(t, experiments.Invalid, r.Decision.Verdict, r.Decision.Reason)
		require.Contains(t, r.Decision.Reason, reason)
	}
	fresh := func(n int) []analysis.Unit { return newSource(t, definition(), 3, good).units(n) }

	biased := fresh(3000)
	for i := range biased {
		if i%5 == 0 {
			biased[i].Variant = "short"
		}
	}
	invalid("did not get their shares", definition(), biased)

	lost := fresh(3000)
	for i := range lost {
		lost[i].Mature = lost[i].Variant == "control" || i%5 > 0
	}
	invalid("shares of the matured units", definition(), lost)

	missing := fresh(3000)
	for i := range missing {
		if missing[i].Variant == "short" && i%5 == 0 {
			missing[i].Outcomes[0] = analysis.Outcome{}
		}
	}
	invalid("is missing", definition(), missing)

	crossed := fresh(300)
	for i := range 4 {
		crossed[i].Crossed = true
	}
	invalid("seen with two variants", definition(), crossed)

	absent := fresh(300)
	absent[100].Probabilities = nil
	invalid("no usable assignment probabilities", definition(), absent)

	fixed := definition()
	fixed.Selection, fixed.Fixed = scoring.ByFixed, "short"
	invalid("nothing is compared", fixed, nil)
}

func TestGuardrails(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Guardrails = []experiments.Metric{{Name: "ok", Type: experiments.Boolean, Required: true, Margin: .05}}
	draw := func(ok float64) func(*rand.Rand, string) []analysis.Outcome {
		return func(rng *rand.Rand, v string) []analysis.Outcome {
			primary := rates(map[string]float64{"control": .3, "short": .5})(rng, v)
			return append(primary, rates(map[string]float64{"control": .9, "short": ok})(rng, v)...)
		}
	}
	r := decide(t, d, 5000, draw(.9))
	require.Equal(t, experiments.Winner, r.Decision.Verdict, r.Decision.Reason)
	r = decide(t, d, 1000, draw(.87))
	require.Equal(t, experiments.Continue, r.Decision.Verdict, r.Decision.Reason)
	require.Contains(t, r.Decision.Reason, "guardrail")
	r = decide(t, d, 5000, draw(.7))
	require.Equal(t, experiments.Harm, r.Decision.Verdict)
	require.Contains(t, r.Decision.Reason, "ok")
}

func TestNothingIsDecidedUntilTheNewWeightsHaveSettled(t *testing.T) {
	t.Parallel()
	d := windowed()
	s := newSource(t, d, 7, rates(map[string]float64{"control": .3, "short": .5}))
	s.each, s.weights = 3000, []map[string]float64{{"control": 1, "short": 1}, {"control": 1, "short": 4}}
	s.mature = func(i int) bool { return i < 3000 }
	a := analyse(t, s.exp, s.units(3010))
	changed := start.Add(3000 * time.Minute)
	r := a.Report(changed.Add(7*day - 1))
	require.Equal(t, experiments.Continue, r.Decision.Verdict)
	require.Contains(t, r.Decision.Reason, "since the weights changed")
	require.Equal(t, experiments.Winner, a.Report(changed.Add(7*day)).Decision.Verdict)
	require.Equal(t, 10, r.Metrics[0].Variants[0].Pending+r.Metrics[0].Variants[1].Pending)
	require.Len(t, r.Epochs, 2)
	require.Equal(t, .8, r.Epochs[1].Weights["short"])
}

func TestUnboundedRatioAndCovariate(t *testing.T) {
	t.Parallel()
	latency := definition()
	latency.Primary = experiments.Metric{Name: "latency", Type: experiments.Unbounded, Direction: experiments.Lower}
	draw := func(rng *rand.Rand, v string) []analysis.Outcome {
		scale := map[string]float64{"control": 1, "short": .7}[v]
		return []analysis.Outcome{scored(scale * math.Exp(rng.NormFloat64()))}
	}
	r := decide(t, latency, 2500, draw)
	require.Equal(t, experiments.Winner, r.Decision.Verdict, r.Decision.Reason)
	short := r.Metrics[0].Variants[1]
	require.InDelta(t, -.3, *short.Versus.Lift, .08)
	require.True(t, short.Versus.LiftInterval.Contains(-.3))
	require.Nil(t, short.Versus.DifferenceInterval)
	require.InEpsilon(t, .7, short.Quantiles.P50, .1)

	shifted := func(rng *rand.Rand, v string) []analysis.Outcome {
		o := draw(rng, v)
		o[0].Value -= .5
		return o
	}
	r = decide(t, latency, 2500, shifted)
	require.NotNil(t, r.Metrics[0].Variants[1].Versus.DifferenceInterval)
	require.Contains(t, r.Notes[0], "values of 0 or less")

	ratio := definition()
	ratio.Primary = experiments.Metric{Name: "cost", Denominator: "tickets", Type: experiments.Unbounded, Direction: experiments.Lower}
	r = decide(t, ratio, 3000, func(rng *rand.Rand, v string) []analysis.Outcome {
		tickets := float64(1 + rng.IntN(5))
		scale := map[string]float64{"control": 2, "short": 1.6}[v]
		return []analysis.Outcome{{State: scoring.Scored, Value: tickets * scale * (1 + rng.Float64()), Per: tickets}}
	})
	require.Equal(t, experiments.Winner, r.Decision.Verdict, r.Decision.Reason)
	short = r.Metrics[0].Variants[1]
	require.True(t, short.Versus.Approximate)
	require.Nil(t, short.Versus.LogEBetter)
	require.InDelta(t, 2.4, *short.Mean, .1)
	require.InDelta(t, -.2, *short.Versus.Lift, .05)

	covariate := definition()
	covariate.Primary = experiments.Metric{Name: "quality", Type: experiments.Bounded}
	quality := func(rng *rand.Rand, v string) []analysis.Outcome {
		x := rng.Float64()
		return []analysis.Outcome{{State: scoring.Scored, Value: .8*x + .2*rng.Float64(), Covariate: x, HasCovariate: true}}
	}
	width := func(r analysis.Report) float64 {
		i := r.Metrics[0].Variants[1].Versus.DifferenceInterval
		return i.Hi - i.Lo
	}
	plain := width(decide(t, covariate, 2000, quality))
	covariate.Primary.Covariate = "tokens"
	require.Less(t, width(decide(t, covariate, 2000, quality)), .3*plain)
}

func TestEarlyReadFindsHarmOnly(t *testing.T) {
	t.Parallel()
	d := windowed()
	d.EarlyRead = true
	draw := func(by map[string]float64) func(*rand.Rand, string) []analysis.Outcome {
		return func(rng *rand.Rand, v string) []analysis.Outcome {
			if rng.Float64() < by[v] {
				return []analysis.Outcome{{State: scoring.Scored, Value: 1, After: time.Duration(rng.Float64() * float64(day))}}
			}
			return []analysis.Outcome{{After: 2 * day}}
		}
	}
	matured := func(n int) func(*source) {
		return func(s *source) { s.mature = func(i int) bool { return i < n } }
	}
	open := matured(250)
	r := decide(t, d, 4000, draw(map[string]float64{"control": .40, "short": .33}), open)
	require.Equal(t, experiments.Harm, r.Decision.Verdict, r.Decision.Reason)
	require.Contains(t, r.Decision.Reason, "early read")
	r = decide(t, d, 4000, draw(map[string]float64{"control": .40, "short": .33}), matured(150))
	require.Equal(t, experiments.Continue, r.Decision.Verdict, "nobody has been seen to the end of a window")
	r = decide(t, d, 4000, draw(map[string]float64{"control": .33, "short": .40}), open)
	require.Equal(t, experiments.Continue, r.Decision.Verdict)
}

// sealed is a report over three epochs and three metrics of all kinds, as JSON.
func sealed(t *testing.T) string {
	t.Helper()
	d := definition()
	d.Guardrails = []experiments.Metric{
		{Name: "latency", Type: experiments.Unbounded, Direction: experiments.Lower},
		{Name: "quality", Type: experiments.Bounded, Covariate: "tokens"},
	}
	s := newSource(t, d, 5, func(rng *rand.Rand, v string) []analysis.Outcome {
		return append(rates(map[string]float64{"control": .3, "short": .4})(rng, v),
			scored(float64(1+rng.IntN(1e6))/1e3),
			analysis.Outcome{State: scoring.Scored, Value: float64(rng.IntN(100)) / 100, Covariate: float64(rng.IntN(50)), HasCovariate: true})
	})
	s.each, s.weights = 500, []map[string]float64{{"control": 1, "short": 1}, {"control": 1, "short": 3}, {"control": 1, "short": 9}}
	data, err := json.Marshal(analyse(t, s.exp, s.units(2500)).Report(late))
	require.NoError(t, err)
	return string(data)
}

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	first := sealed(t)
	for range 5 {
		require.Equal(t, first, sealed(t))
	}
}

// GOARCH=386 go test -run TwoArchitectures is the other one: its mathematics is Go where amd64's is assembly.
func TestSameBytesOnTwoArchitectures(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "386" {
		t.Skipf("the bytes were sealed on amd64 and 386, this is %s", runtime.GOARCH)
	}
	require.Equal(t, "1e987f7f9fb46f72", fmt.Sprintf("%016x", xxhash.Sum64String(sealed(t))))
}

func TestMergeIsTheSumOfItsShards(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Guardrails = []experiments.Metric{{Name: "latency", Type: experiments.Unbounded}, {Name: "spend", Type: experiments.Capped, Cap: 3}}
	rapid.Check(t, func(t *rapid.T) {
		s := newSource(t, d, rapid.Uint64().Draw(t, "seed"), func(rng *rand.Rand, v string) []analysis.Outcome {
			return append(rates(map[string]float64{"control": .4, "short": .6})(rng, v), scored(rng.ExpFloat64()), scored(min(3, rng.ExpFloat64())))
		})
		s.each, s.weights = 100, []map[string]float64{{"control": 1, "short": 1}, {"control": 1, "short": 3}}
		units := s.units(300)
		whole := analyse(t, s.exp, units).Report(late)
		k := rapid.IntRange(2, 6).Draw(t, "shards")
		shards := make([]*analysis.Analysis, k)
		for i := range shards {
			shards[i] = analysis.New(s.exp)
		}
		require.NotEmpty(t, units)
		for _, u := range units {
			require.NoError(t, shards[rapid.IntRange(0, k-1).Draw(t, "shard")].Add(u))
		}
		merged := analysis.New(s.exp)
		for _, shard := range shards {
			require.NoError(t, merged.Merge(shard))
		}
		got := merged.Report(late)
		require.NotEmpty(t, whole.Metrics)
		for m := range whole.Metrics {
			require.NotEmpty(t, whole.Metrics[m].Variants)
			for v := range whole.Metrics[m].Variants {
				a, b := whole.Metrics[m].Variants[v], got.Metrics[m].Variants[v]
				require.Equal(t, a.Counts, b.Counts)
				require.InEpsilon(t, *a.Mean, *b.Mean, 1e-9)
				require.InEpsilon(t, *a.SD, *b.SD, 1e-9)
				require.Equal(t, a.Quantiles, b.Quantiles)
				if a.Versus != nil {
					require.InEpsilon(t, 1+a.Versus.Difference, 1+b.Versus.Difference, 1e-9)
					require.InEpsilon(t, 1+*a.Versus.Lift, 1+*b.Versus.Lift, 1e-9)
				}
			}
		}
		require.InEpsilon(t, 10+whole.SampleRatio.LogE, 10+got.SampleRatio.LogE, 1e-9)
		require.Equal(t, whole.Epochs, got.Epochs)
	})
	a, err := experiments.New(definition())
	require.NoError(t, err)
	b, err := experiments.New(windowed())
	require.NoError(t, err)
	require.Error(t, analysis.New(a).Merge(analysis.New(b)))
}

func TestSwappingVariantsNegatesAndRescalingChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		lo, width := rapid.Float64Range(-5, 5).Draw(t, "lo"), rapid.Float64Range(.1, 10).Draw(t, "width")
		units := func(d experiments.Definition, lo, width float64) *analysis.Analysis {
			d.Primary.Type, d.Primary.Lo, d.Primary.Hi = experiments.Bounded, lo, lo+width
			s := newSource(t, d, seed, func(rng *rand.Rand, v string) []analysis.Outcome {
				x := rng.Float64()
				if v == "short" {
					x = math.Sqrt(x)
				}
				return []analysis.Outcome{scored(min(lo+width, lo+width*x))}
			})
			return analyse(t, s.exp, s.units(200))
		}
		d := definition()
		plain := units(d, 0, 1).Report(late).Metrics[0].Variants[1].Versus
		scaled := units(d, lo, width).Report(late).Metrics[0].Variants[1].Versus
		require.InDelta(t, *plain.LogEBetter, *scaled.LogEBetter, 1e-6)
		require.InDelta(t, plain.Difference*width, scaled.Difference, 1e-9*(1+math.Abs(lo)+width))

		d.Control = "short"
		swapped := units(d, 0, 1).Report(late).Metrics[0].Variants[0].Versus
		require.Equal(t, *plain.LogEBetter, *swapped.LogEWorse)
		require.Equal(t, *plain.LogEWorse, *swapped.LogEBetter)
		require.InDelta(t, plain.Difference, -swapped.Difference, 1e-12)
		require.InDelta(t, plain.DifferenceInterval.Lo, -swapped.DifferenceInterval.Hi, 1e-12)
	})
}

// A variant that was never given a unit makes no winner: what must be reached grows with the number of variants.
func TestAnotherVariantNeverMakesAWinner(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		two, three := definition(), definition()
		three.Variants = append([]experiments.Variant{{Name: "idle", Weight: 1}}, three.Variants...)
		s := newSource(t, two, rapid.Uint64().Draw(t, "seed"), rates(map[string]float64{"control": .3, "short": rapid.Float64Range(.3, .5).Draw(t, "rate")}))
		units := s.units(rapid.IntRange(100, 1500).Draw(t, "n"))
		e, err := experiments.New(three)
		require.NoError(t, err)
		if analyse(t, e, units).Report(late).Decision.Verdict == experiments.Winner {
			require.Equal(t, experiments.Winner, analyse(t, s.exp, units).Report(late).Decision.Verdict)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	t.Parallel()
	e, err := experiments.New(definition())
	require.NoError(t, err)
	require.Equal(t, []string{"variant"}, mistakes(t, analysis.New(e).Add(analysis.Unit{Variant: "x"})))
	require.Equal(t, []string{"outcomes"}, mistakes(t, analysis.New(e).Add(analysis.Unit{Variant: "short"})))
}

func BenchmarkAdd(b *testing.B) {
	for _, k := range []int{2, 5} {
		d := definition()
		for i := 2; i < k; i++ {
			d.Variants = append(d.Variants, experiments.Variant{Name: string(rune('a' + i)), Weight: 1})
		}
		b.Run(map[int]string{2: "variants=2", 5: "variants=5"}[k], func(b *testing.B) {
			s := newSource(b, d, 1, rates(map[string]float64{}))
			units := s.units(1000)
			a := analysis.New(s.exp)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := a.Add(units[i%1000]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
