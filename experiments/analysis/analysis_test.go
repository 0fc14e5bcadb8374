package analysis_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/analysis"
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

// The verdict is due at the first look at which the interval passes what is decided on, and stays when it comes back.
func TestVerdictAndIntervalAreOneStatement(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for seed := range uint64(12) {
		d := definition()
		d.ROPE, d.MDE, d.Margin, d.MaxUnits = .15, .08, .02, 1<<30
		rate := []float64{.30, .36, .42, .50}[seed%4]
		s := newSource(t, d, seed, rates(map[string]float64{"control": .36, "short": rate}))
		a := analysis.New(s.exp)
		var won, beaten, equal, futile bool
		last := 0
		for i := range 4000 {
			require.NoError(t, a.Add(s.next()))
			if i%10 > 0 {
				continue
			}
			r := a.Report(late)
			v := r.Metrics[0].Variants[1].Versus
			if v == nil {
				continue
			}
			require.Equal(t, analysis.Betting, v.Method)
			in := v.DifferenceInterval
			// A look sees no crossing between two looks, but no verdict comes without one.
			won = won || in.Lo >= d.Margin
			beaten = beaten || slices.ContainsFunc(r.Facts, func(f analysis.Fact) bool { return f.Kind == "ahead" })
			equal = equal || !beaten && in.Lo >= -d.ROPE && in.Hi <= d.ROPE
			futile = futile || in.Hi <= d.MDE
			verdict := r.Decision.Verdict
			require.True(t, !won || verdict == experiments.Winner || verdict == experiments.Harm, "%s: %v", verdict, in)
			require.True(t, !equal || rank(verdict) >= rank(experiments.Equivalent), "%s: %v", verdict, in)
			require.True(t, !futile || rank(verdict) >= rank(experiments.Futile), "%s: %v", verdict, in)
			require.GreaterOrEqual(t, rank(verdict), last)
			last = rank(verdict)
			if l := v.LiftInterval; l != nil {
				require.Equal(t, in.Lo >= 0, l.Lo >= 0)
				require.Equal(t, in.Hi <= 0, l.Hi <= 0)
			}
			require.True(t, in.Contains(v.Difference))
			if verdict == experiments.Winner && in.Lo < d.Margin {
				seen["fell back"]++
				require.Contains(t, r.Decision.Reason, "e was")
				require.LessOrEqual(t, v.PValue, .05)
			}
			seen[string(verdict)]++
		}
	}
	for _, k := range []string{"WINNER", "HARM", "EQUIVALENT", "FUTILE", "CONTINUE", "fell back"} {
		require.Positive(t, seen[k], "%s: %v", k, seen)
	}
}

func rank(v experiments.Verdict) int {
	return slices.Index([]experiments.Verdict{
		experiments.Continue, experiments.Futile, experiments.Equivalent, experiments.Winner, experiments.Harm, experiments.Invalid,
	}, v)
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
	require.Contains(t, fmt.Sprint(r.Notes), "values of 0 or less")

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
	require.Equal(t, "3c81a2068968f37b", fmt.Sprintf("%016x", xxhash.Sum64String(sealed(t))))
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
