package experiments_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
)

func registered(t *testing.T, d experiments.Definition) experiments.Registration {
	t.Helper()
	x, err := experiments.New(d)
	require.NoError(t, err)
	return experiments.Registration{Definition: x.JSON(), Namespace: "default", TaskQueue: "answers"}
}

// What a worker registers comes out as it was, and so does its digest, also after a release that does not know all of it.
func TestRegistrationStaysAsItIs(t *testing.T) {
	t.Parallel()
	d := definition()
	d.Maturity, d.MDE = 7*24*time.Hour, 0.05
	d.Guardrails = []experiments.Metric{{Name: "<cost>", Type: experiments.Capped, Cap: 5}}
	r := registered(t, d)
	name, version, err := r.Check()
	require.NoError(t, err)
	require.Equal(t, "prompt@1", name+"@"+version)
	x, err := r.Read()
	require.NoError(t, err)
	change, _ := experiments.Compare(d, x.Definition())
	require.Equal(t, experiments.Unchanged, change)
	require.Equal(t, r.Digest(), registered(t, x.Definition()).Digest())

	carried, err := json.Marshal(r)
	require.NoError(t, err)
	var again experiments.Registration
	require.NoError(t, json.Unmarshal(carried, &again))
	require.Equal(t, r, again)

	later := experiments.Registration{Definition: json.RawMessage(strings.Replace(string(r.Definition), `{`, `{"dreams":1,`, 1))}
	_, _, err = later.Check()
	require.NoError(t, err, "it is kept for a release that can read it")
	_, err = later.Read()
	require.ErrorContains(t, err, `unknown field "dreams"`)
}

func TestRegistrationIsChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                             "no JSON",
		`[]`:                           "no JSON",
		`{}`:                           "name",
		`{"name":"a"}`:                 "version",
		`{"name":"a\n","version":"1"}`: "name",
		`{"name":"a","version":"1","x":"` + strings.Repeat("y", experiments.MaxRegistered) + `"}`: "at most 32768",
	} {
		_, _, err := experiments.Registration{Definition: json.RawMessage(text)}.Check()
		require.ErrorContains(t, err, want)
	}
	r := registered(t, definition())
	r.TaskQueue = strings.Repeat("q", 2000)
	_, _, err := r.Check()
	require.ErrorContains(t, err, "task queue")
	_, err = experiments.Registration{Definition: append(r.Definition, r.Definition...)}.Read()
	require.ErrorContains(t, err, "more than one")
}

// Every field is either one that voids, one that does not, or none that a version freezes.
func TestContradict(t *testing.T) {
	t.Parallel()
	type D = experiments.Definition
	for _, c := range []struct {
		change func(*D)
		fields string
		void   string
	}{
		{func(*D) {}, "", ""},
		{func(d *D) { d.Variants[0].Weight, d.Allocation = 7, 0.5 }, "", ""},
		{func(d *D) { *d = d.WithDefaults() }, "", ""},
		{func(d *D) { d.Primary.Name = "read" }, `primary.name`, ""},
		{func(d *D) { d.Maturity = time.Hour }, `maturity`, ""},
		{func(d *D) { d.Control = "short" }, `control`, ""},
		{func(d *D) { d.Guardrails = []experiments.Metric{{Name: "cost", Type: experiments.Unbounded}} }, `guardrails`, ""},
		{func(d *D) { d.Alpha, d.MDE = 0.01, 0.5 }, `alpha max_units mde planned`, ""},
		{func(d *D) { d.Allocator = experiments.TopTwo }, `allocator floor`, ""},
		{func(d *D) { d.Variants = append(d.Variants, experiments.Variant{Name: "third", Weight: 1}) }, `variants`, "variants"},
		{func(d *D) { d.Unit = "customer" }, `selection unit`, "selection unit"},
		{func(d *D) { d.Selection, d.Fixed = "fixed", "short" }, `fixed selection`, "fixed selection"},
		{func(d *D) { d.Layer = experiments.Layer{Name: "l", To: 0.5} }, `layer.name layer.to`, "layer"},
		{func(d *D) { d.Holdout = experiments.Holdout{Name: "h", Share: 0.1} }, `holdout.name holdout.share`, "holdout"},
	} {
		other := definition()
		c.change(&other)
		all, void := experiments.Contradict(definition(), other)
		var fields []string
		for _, d := range all {
			fields = append(fields, d.Field)
			require.NotEqual(t, string(d.Used), string(d.Other), d.Field)
		}
		require.Equal(t, c.fields, strings.Join(fields, " "))
		require.Equal(t, c.void, strings.Join(void, " "), c.fields)
	}
	longer := definition()
	longer.Maturity, longer.Grace = 48*time.Hour, 3*time.Hour
	all, _ := experiments.Contradict(definition(), longer)
	require.Equal(t, []experiments.Difference{
		{Field: "grace", Used: json.RawMessage(`"0s"`), Other: json.RawMessage(`"3h0m0s"`)},
		{Field: "maturity", Used: json.RawMessage(`"0s"`), Other: json.RawMessage(`"48h0m0s"`)},
	}, all)
	more := definition()
	more.Variants = append(more.Variants, experiments.Variant{Name: "third", Weight: 1})
	all, _ = experiments.Contradict(definition(), more)
	require.JSONEq(t, `[{"field":"variants","used":["control","short"],"other":["control","short","third"]}]`, text(t, all))
}

func TestVoided(t *testing.T) {
	t.Parallel()
	read, other, third := definition(), definition(), definition()
	read.Primary.Name = "read"
	other.Unit = "customer"
	third.Layer = experiments.Layer{Name: "l", To: 0.5}
	unreadable := experiments.Registration{Definition: json.RawMessage(`{"name":"prompt","version":"1","dreams":1}`)}
	fields := definition().Void([]experiments.Registration{registered(t, read), unreadable})
	require.Empty(t, fields)
	winner := experiments.Decision{Verdict: experiments.Winner, Variants: []string{"short"}, Reason: "it is better", Since: time.Unix(1, 0)}
	require.Equal(t, winner, winner.Voided(fields))
	fields = definition().Void([]experiments.Registration{registered(t, other), registered(t, third), registered(t, other)})
	require.Equal(t, []string{"layer", "selection", "unit"}, fields)
	const reason = "units were assigned by definitions of this version that contradict each other in layer, selection, unit"
	require.Equal(t, experiments.Decision{Verdict: experiments.Invalid, Reason: reason + ". WINNER short is void: it assumed one definition"}, winner.Voided(fields))
	require.Equal(t, reason, experiments.Decision{Verdict: experiments.Continue, Reason: "not yet"}.Voided(fields).Reason)
	require.Equal(t, reason+"; the shares are wrong", experiments.Decision{Verdict: experiments.Invalid, Reason: "the shares are wrong"}.Voided(fields).Reason)
}

func text(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return string(data)
}
