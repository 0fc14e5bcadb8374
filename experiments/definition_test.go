package experiments_test

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

func definition() experiments.Definition {
	return experiments.Definition{
		Name:     "prompt",
		Version:  "1",
		Variants: []experiments.Variant{{Name: "control", Weight: 1}, {Name: "short", Weight: 1}},
		Control:  "control",
		Primary:  experiments.Metric{Name: "merged", Type: experiments.Boolean},
	}
}

// mistakes returns the fields of the joined errors.
func mistakes(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var fields []string
		for _, e := range joined.Unwrap() {
			fields = append(fields, mistakes(t, e)...)
		}
		return fields
	}
	var invalid *scoring.InvalidError
	require.ErrorAs(t, err, &invalid)
	return []string{invalid.Field}
}

func TestDefinitionValidate(t *testing.T) {
	t.Parallel()
	type D = experiments.Definition
	variants := func(v ...experiments.Variant) func(*D) { return func(d *D) { d.Variants = v } }
	judge := experiments.Metric{Name: "judged", Type: experiments.Bounded, Judge: true}
	corrected := experiments.Corrected{Judge: "judged", Share: .2}
	tests := []struct {
		name   string
		change func(*D)
		fields []string
	}{
		{"a judge decides", func(d *D) { d.Primary = judge }, []string{"primary"}},
		{"a judge decides untrusted", func(d *D) { d.Primary, d.Untrusted = judge, "no outcomes yet" }, nil},
		{"a judge decides that was trusted", func(d *D) { d.Primary, d.TrustedBy = judge, experiments.Reference{Experiment: "prompt", Version: "0"} }, nil},
		{"trusted by half a name", func(d *D) { d.Primary, d.TrustedBy = judge, experiments.Reference{Experiment: "prompt"} }, []string{"trusted by"}},
		{"trusted and untrusted", func(d *D) {
			d.Primary, d.Untrusted, d.TrustedBy = judge, "x", experiments.Reference{Experiment: "prompt", Version: "0"}
		}, []string{"untrusted"}},
		{"an outcome is not trusted", func(d *D) { d.Untrusted = "x" }, []string{"untrusted"}},
		{"a judge of latencies", func(d *D) {
			d.Guardrails = []experiments.Metric{{Name: "judged", Type: experiments.Unbounded, Judge: true}}
		}, []string{"guardrail 1 judge"}},
		{"observed", func(d *D) { d.Observed = []experiments.Metric{judge} }, nil},
		{"observed twice", func(d *D) { d.Observed = []experiments.Metric{judge, d.Primary} }, []string{"observed 2"}},
		{"observed with a margin", func(d *D) { judge := judge; judge.Margin = .1; d.Observed = []experiments.Metric{judge} }, []string{"observed 1"}},
		{"observed latency", func(d *D) { d.Observed = []experiments.Metric{{Name: "latency", Type: experiments.Unbounded}} }, []string{"observed 1"}},
		{"too many pairs", func(d *D) {
			for i := range 9 {
				d.Observed = append(d.Observed, experiments.Metric{Name: fmt.Sprint(i), Type: experiments.Boolean, Judge: i < 4})
			}
		}, []string{"observed"}},
		{"corrected", func(d *D) { d.Maturity, d.Primary.Corrected = time.Hour, corrected }, nil},
		{"corrected without a window", func(d *D) { d.Primary.Corrected = corrected }, []string{"corrected"}},
		{"corrected by a few", func(d *D) {
			d.Maturity, d.Primary.Corrected = time.Hour, experiments.Corrected{Judge: "judged", Share: .01}
		}, []string{"primary corrected"}},
		{"corrected by itself", func(d *D) {
			d.Maturity, d.Primary.Corrected = time.Hour, experiments.Corrected{Judge: "merged", Share: .2}
		}, []string{"primary corrected"}},
		{"corrected, read early", func(d *D) { d.Maturity, d.Primary.Corrected, d.EarlyRead = time.Hour, corrected, true }, []string{"early read"}},
		{"valid", func(*D) {}, nil},
		{"no weights", variants(experiments.Variant{Name: "control"}, experiments.Variant{Name: "b"}), nil},
		{"misspelled control", func(d *D) { d.Control = "controll" }, []string{"control"}},
		{"missing control", func(d *D) { d.Control = "" }, []string{"control"}},
		{"one variant", variants(experiments.Variant{Name: "control", Weight: 1}), []string{"variants"}},
		{"grace without a window", func(d *D) { d.Grace = time.Second }, []string{"grace"}},
		{"negative grace", func(d *D) { d.Maturity, d.Grace = time.Hour, -1 }, []string{"grace"}},
		{"duplicate", variants(experiments.Variant{Name: "control", Weight: 1}, experiments.Variant{Name: "control", Weight: 1}), []string{"variant 2"}},
		{"missing weight", variants(experiments.Variant{Name: "control", Weight: 1}, experiments.Variant{Name: "b"}), []string{"weight"}},
		{"negative weight", variants(experiments.Variant{Name: "control", Weight: 1}, experiments.Variant{Name: "b", Weight: -1}), []string{"weight"}},
		{"NaN weight", variants(experiments.Variant{Name: "control", Weight: 1}, experiments.Variant{Name: "b", Weight: math.NaN()}), []string{"weight"}},
		{"infinite weight", variants(experiments.Variant{Name: "control", Weight: 1}, experiments.Variant{Name: "b", Weight: math.Inf(1)}), []string{"weight"}},
		{"no primary", func(d *D) { d.Primary = experiments.Metric{} }, []string{"primary name", "primary type"}},
		{"cap of a boolean", func(d *D) { d.Primary.Cap = 1 }, []string{"primary cap"}},
		{"capped without a cap", func(d *D) { d.Primary.Type = experiments.Capped }, []string{"primary cap"}},
		{"bounds upside down", func(d *D) { d.Primary.Type, d.Primary.Lo, d.Primary.Hi = experiments.Bounded, 2, 1 }, []string{"primary bounds"}},
		{"zero outside the bounds", func(d *D) {
			d.Primary = experiments.Metric{Name: "stars", Type: experiments.Bounded, Lo: 1, Hi: 5, Missing: experiments.MissingZero}
		}, []string{"primary missing"}},
		{"worst of an unbounded", func(d *D) { d.Primary.Type, d.Primary.Missing = experiments.Unbounded, experiments.MissingNegative }, []string{"primary missing"}},
		{"same metric twice", func(d *D) { d.Guardrails = []experiments.Metric{d.Primary} }, []string{"guardrail 1"}},
		{"weighted sessions", func(d *D) { d.Unit, d.Selection = "customer", scoring.ByWeight }, []string{"selection"}},
		{"bucketed runs", func(d *D) { d.Selection = scoring.ByBucket }, []string{"selection"}},
		{"unknown selection", func(d *D) { d.Selection = "random" }, []string{"selection"}},
		{"fixed on nothing", func(d *D) { d.Selection = scoring.ByFixed }, []string{"fixed"}},
		{"layer", func(d *D) { d.Layer = experiments.Layer{Name: "l", From: .5, To: .5} }, []string{"layer"}},
		{"holdout", func(d *D) { d.Holdout = experiments.Holdout{Name: "h", Share: 1} }, []string{"holdout"}},
		{"early read without a window", func(d *D) { d.EarlyRead = true }, []string{"early read"}},
		{"all at once", func(d *D) {
			*d = D{Name: "a\nb", Control: "x", Alpha: 2, AlphaHarm: -1, Allocation: 3, Maturity: -1, Planned: -1, MDE: math.NaN()}
		}, []string{"name", "version", "variants", "control", "primary name", "primary type", "maturity", "planned", "max units", "mde", "alpha", "alpha harm", "allocation"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := definition()
			test.change(&d)
			err := d.Validate()
			require.Equal(t, test.fields, mistakes(t, err), "%v", err)
			_, err = experiments.New(d)
			require.Equal(t, test.fields, mistakes(t, err))
		})
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	d := definition().WithDefaults()
	require.Equal(t, 2000, d.Planned)
	require.Equal(t, 8000, d.MaxUnits)
	require.Equal(t, scoring.ByWeight, d.Selection)

	d = definition()
	d.MDE, d.Unit = 0.05, "customer"
	d = d.WithDefaults()
	require.Equal(t, 3140, d.Planned) // 4 (1.96+0.8416)^2 0.25 / 0.05^2
	require.Equal(t, scoring.ByBucket, d.Selection)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*experiments.Definition)
		want   experiments.Change
		fields []string
	}{
		{"nothing", func(*experiments.Definition) {}, experiments.Unchanged, nil},
		{"defaults spelled out", func(d *experiments.Definition) { *d = d.WithDefaults() }, experiments.Unchanged, nil},
		{"order and scale", func(d *experiments.Definition) {
			d.Variants = []experiments.Variant{{Name: "short", Weight: 3}, {Name: "control", Weight: 3}}
		}, experiments.Unchanged, nil},
		{"no weights", func(d *experiments.Definition) {
			d.Variants = []experiments.Variant{{Name: "short"}, {Name: "control"}}
		}, experiments.Unchanged, nil},
		{"weights", func(d *experiments.Definition) { d.Variants[1].Weight = 9 }, experiments.NewEpoch, []string{"weights"}},
		{"allocation", func(d *experiments.Definition) { d.Allocation = .5 }, experiments.NewEpoch, []string{"allocation"}},
		{"the grace of a window", func(d *experiments.Definition) { d.Maturity, d.Grace = 20*time.Hour, time.Second }, experiments.NewVersion, []string{"grace", "maturity"}},
		{"window and weights", func(d *experiments.Definition) { d.Maturity, d.Variants[0].Weight = time.Hour, 4 }, experiments.NewVersion, []string{"maturity", "weights"}},
		{"metric", func(d *experiments.Definition) { d.Primary.Direction = experiments.Lower }, experiments.NewVersion, []string{"primary"}},
		{"renamed variant", func(d *experiments.Definition) { d.Variants[1].Name = "brief" }, experiments.NewVersion, []string{"variants", "weights"}},
		{"version", func(d *experiments.Definition) { d.Version = "2" }, experiments.NewVersion, []string{"version"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			from, to := definition(), definition()
			test.change(&to)
			change, fields := experiments.Compare(from, to)
			require.Equal(t, test.want, change)
			require.Equal(t, test.fields, fields)
			require.Equal(t, test.want == experiments.NewVersion, from.Fingerprint() != to.Fingerprint())
		})
	}
}

func TestFingerprintIsTheSameInEveryProcess(t *testing.T) {
	t.Parallel()
	require.Equal(t, "3a5db1b1fb673635", definition().Fingerprint())
	// As a release without a grace computed it: the default makes no other version.
	windowed := definition()
	windowed.Maturity = 7 * 24 * time.Hour
	require.Equal(t, "09ebea68881df4b7", windowed.Fingerprint())
	require.Equal(t, windowed.Fingerprint(), windowed.WithDefaults().Fingerprint())
}

func TestGrace(t *testing.T) {
	t.Parallel()
	grace := func(window time.Duration) time.Duration {
		d := definition()
		d.Maturity = window
		return d.WithDefaults().Grace
	}
	require.Zero(t, grace(0))
	require.Equal(t, time.Hour, grace(time.Second))
	require.Equal(t, time.Hour, grace(20*time.Hour))
	require.Equal(t, 36*time.Hour, grace(30*24*time.Hour))
}

func TestEpochValidation(t *testing.T) {
	t.Parallel()
	e, err := experiments.New(definition())
	require.NoError(t, err)
	tests := []struct {
		name   string
		epoch  experiments.Epoch
		fields []string
	}{
		{"the definition's", experiments.Epoch{}, nil},
		{"zero weight", experiments.Epoch{Number: 1, Weights: map[string]float64{"control": 1, "short": 0}}, nil},
		{"all zero", experiments.Epoch{Weights: map[string]float64{"control": 0, "short": 0}}, []string{"weight"}},
		{"missing", experiments.Epoch{Weights: map[string]float64{"control": 1}}, []string{"weight"}},
		{"misspelled", experiments.Epoch{Weights: map[string]float64{"control": 1, "shrt": 1}}, []string{"weight", "weight"}},
		{"negative", experiments.Epoch{Number: -1, Allocation: -1, Weights: map[string]float64{"control": 1, "short": -1}}, []string{"epoch", "allocation", "weight"}},
		{"not a number", experiments.Epoch{Weights: map[string]float64{"control": 1, "short": math.NaN()}}, []string{"weight"}},
		{"overflow", experiments.Epoch{Weights: map[string]float64{"control": math.MaxFloat64, "short": math.MaxFloat64}}, []string{"weight"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := e.At(test.epoch)
			require.Equal(t, test.fields, mistakes(t, err))
			var invalid *scoring.InvalidError
			require.Equal(t, err != nil, errors.As(err, &invalid))
		})
	}
}
