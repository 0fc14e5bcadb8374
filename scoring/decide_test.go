package scoring_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
)

var (
	noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	hour = scoring.Window{Since: noon, Until: noon.Add(time.Hour)}
)

// came is an outcome that happened some minutes after noon, and arrived some minutes after that.
func came(name string, minute, late float64) scoring.Outcome {
	at := noon.Add(time.Duration(minute * float64(time.Minute)))
	return scoring.Outcome{
		ID: fmt.Sprint(name, minute), Name: name, Key: "k", Value: scoring.BoolValue(minute > 30),
		ObservedAt: at, ReceivedAt: at.Add(time.Duration(late * float64(time.Minute))),
	}
}

// decided is a decision in a word: its value or state, and when time alone makes another.
func decided(d scoring.Decision) string {
	s := string(d.Score.State)
	if d.Score.Value.IsSet() {
		s = d.Score.Value.String()
	}
	if !d.Next.IsZero() {
		s += fmt.Sprintf(" until %g", d.Next.Sub(noon).Minutes())
	}
	return s
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	closed, merged := happens("closed"), happens("merged")
	closed.Means = scoring.BoolValue(false)
	undone := closed
	undone.Undone = &scoring.Undo{Event: scoring.Event{Name: "reopened", Key: "k"}, Within: 10 * time.Minute}
	rated := scoring.RuleEvent{Event: scoring.Event{Name: "rated", Key: "k"}}
	all := func(events ...scoring.RuleEvent) scoring.Rule {
		return scoring.Rule{Need: scoring.NeedAll, Events: events, End: scoring.ExpiresUnknown}
	}
	twice := scoring.Rule{Need: scoring.NeedTimes, Times: 2, Events: []scoring.RuleEvent{merged, closed}, End: scoring.ExpiresUnknown}
	patient := any1(merged)
	patient.Allowance = 20 * time.Minute
	graceful := hour
	graceful.Grace = 30 * time.Minute
	short := hour
	short.Grace = 10 * time.Second
	type outcomes = []scoring.Outcome
	for name, c := range map[string]struct {
		rule     scoring.Rule
		window   scoring.Window
		outcomes outcomes
		at       float64
		want     string
	}{
		"nothing yet":                      {any1(merged), hour, nil, 10, "pending until 61"},
		"nothing, within the allowance":    {any1(merged), hour, nil, 60.5, "pending until 61"},
		"nothing at its end":               {any1(merged), hour, nil, 61, "false"},
		"one":                              {any1(merged), hour, outcomes{came("merged", 5, 0)}, 5, "true"},
		"the first":                        {any1(merged, closed), hour, outcomes{came("merged", 6, 0), came("closed", 5, 3)}, 10, "false"},
		"another name":                     {any1(merged), hour, outcomes{came("closed", 5, 0)}, 10, "pending until 61"},
		"before the window":                {any1(merged), hour, outcomes{came("merged", -1, 0)}, 10, "pending until 61"},
		"at its start":                     {any1(merged), hour, outcomes{came("merged", 0, 0)}, 10, "true"},
		"at its end":                       {any1(merged), hour, outcomes{came("merged", 60, 0)}, 61, "false"},
		"inside, arrived in the allowance": {any1(merged), hour, outcomes{came("merged", 59, 1.5)}, 61, "true"},
		"inside, arrived after it":         {any1(merged), hour, outcomes{came("merged", 59, 2)}, 62, "false"},
		"a longer allowance":               {patient, hour, outcomes{came("merged", 59, 20)}, 80, "true"},
		"a longer allowance, unmet":        {patient, hour, nil, 79, "pending until 80"},
		"in its grace":                     {any1(merged), graceful, outcomes{came("merged", 80, 0)}, 80, "true"},
		"in its grace, arrived after":      {any1(merged), graceful, outcomes{came("merged", 80, 10)}, 91, "false"},
		"the end does not wait for grace":  {any1(merged), graceful, nil, 61, "false"},
		"nor longer than a short one":      {any1(merged), short, nil, 60.2, "false"},
		"after its grace":                  {any1(merged), graceful, outcomes{came("merged", 90, 0)}, 100, "false"},
		"its own value":                    {any1(rated), hour, outcomes{came("rated", 40, 0)}, 40, "true"},
		"no value":                         {any1(rated), hour, outcomes{{ID: "1", Name: "rated", Key: "k", ReceivedAt: noon}}, 40, "error"},
		"one of all":                       {all(merged, closed), hour, outcomes{came("merged", 5, 0), came("merged", 6, 0)}, 40, "pending until 61"},
		"all":                              {all(merged, closed), hour, outcomes{came("merged", 5, 0), came("closed", 6, 0)}, 40, "false"},
		"not all at the end":               {all(merged, closed), hour, outcomes{came("merged", 5, 0)}, 61, "expired"},
		"twice":                            {twice, hour, outcomes{came("merged", 5, 0), came("closed", 6, 0), came("merged", 7, 0)}, 40, "false"},
		"one, delivered twice":             {twice, hour, outcomes{came("merged", 5, 0), came("merged", 5, 0)}, 40, "pending until 61"},
		"may be undone":                    {any1(undone), hour, outcomes{came("closed", 5, 0)}, 10, "pending until 16"},
		"was not undone":                   {any1(undone), hour, outcomes{came("closed", 5, 0)}, 16, "false"},
		"undone":                           {any1(undone), hour, outcomes{came("closed", 5, 0), came("reopened", 14, 1)}, 20, "pending until 61"},
		"undone too late":                  {any1(undone), hour, outcomes{came("closed", 5, 0), came("reopened", 15, 0)}, 20, "false"},
		"undone, told too late":            {any1(undone), hour, outcomes{came("closed", 5, 0), came("reopened", 14, 2)}, 20, "false"},
		"undone before":                    {any1(undone), hour, outcomes{came("closed", 5, 0), came("reopened", 4, 0)}, 20, "false"},
		"undone, merged":                   {any1(undone, merged), hour, outcomes{came("closed", 5, 0), came("reopened", 6, 0), came("merged", 7, 0)}, 20, "true"},
		"may be undone after the end":      {any1(undone), hour, outcomes{came("closed", 59, 0)}, 65, "pending until 70"},
		"undone after the end":             {any1(undone), hour, outcomes{came("closed", 59, 0), came("reopened", 65, 0)}, 70, "false"},
	} {
		require.NoError(t, c.rule.Validate(), name)
		d := c.rule.Decide("s", c.window, c.outcomes, noon.Add(time.Duration(c.at*float64(time.Minute))))
		require.Equal(t, c.want, decided(d), name)
		require.Equal(t, "s", d.Score.Name, name)
		if d.Score.State == scoring.Scored && d.Ended {
			require.Equal(t, c.window.Until, d.Score.ObservedAt, name)
		}
	}
	// Undone after the end means the end, here with another meaning than the outcome.
	r := any1(undone)
	r.End = scoring.ExpiresTrue
	d := r.Decide("s", hour, outcomes{came("closed", 59, 0), came("reopened", 65, 0)}, noon.Add(70*time.Minute))
	require.Equal(t, "true", decided(d))
	require.True(t, d.Ended)
}

// Lengths that add up to more than a time.Duration holds are no less than long.
func TestLengthsOfCenturies(t *testing.T) {
	t.Parallel()
	const century = 100 * 365 * 24 * time.Hour
	e := happens("a")
	e.Undone = &scoring.Undo{Event: scoring.Event{Name: "b", Key: "k"}, Within: 2 * century}
	r := any1(e)
	r.Allowance = 2 * century
	require.NoError(t, r.Validate())
	w := hour
	w.Grace = 2 * century
	require.Equal(t, w.Until.Add(2*century).Add(2*century).Add(2*century), r.Closes(w))
	d := r.Decide("s", w, []scoring.Outcome{came("a", 5, 0)}, noon.Add(time.Hour))
	require.Equal(t, scoring.Pending, d.Score.State)
	require.Equal(t, noon.Add(5*time.Minute).Add(2*century).Add(2*century), d.Next)
}

func drawRule(t *rapid.T) scoring.Rule {
	r := scoring.Rule{
		Need: rapid.SampledFrom([]scoring.Need{scoring.NeedAny, scoring.NeedAll, scoring.NeedTimes}).Draw(t, "need"),
		End:  rapid.SampledFrom([]scoring.Expiry{scoring.ExpiresTrue, scoring.ExpiresUnknown, scoring.ExpiresAs(7)}).Draw(t, "end"),
	}
	if r.Need == scoring.NeedTimes {
		r.Times = rapid.IntRange(1, 3).Draw(t, "times")
	}
	minutes := func(name string, most int) time.Duration {
		return time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Minute
	}
	r.Allowance = minutes("allowance", 10)
	for i := range rapid.IntRange(1, 3).Draw(t, "events") {
		e := scoring.RuleEvent{Event: scoring.Event{Name: string(rune('a' + i)), Key: "k"}}
		if rapid.Bool().Draw(t, "means") {
			e.Means = scoring.BoolValue(i == 0)
		}
		if rapid.Bool().Draw(t, "predicate") {
			e.Where = []scoring.Predicate{scoring.Field("").Is(true)}
		}
		if rapid.Bool().Draw(t, "undone") {
			e.Undone = &scoring.Undo{Event: scoring.Event{Name: "u", Key: "k"}, Within: time.Minute + minutes("within", 30)}
		}
		r.Events = append(r.Events, e)
	}
	return r
}

func drawOutcomes(t *rapid.T) (all []scoring.Outcome) {
	for i := range rapid.IntRange(0, 6).Draw(t, "outcomes") {
		o := came(rapid.SampledFrom([]string{"a", "b", "c", "u"}).Draw(t, "name"),
			float64(rapid.IntRange(-5, 110).Draw(t, "minute")), float64(rapid.IntRange(0, 40).Draw(t, "late")))
		o.ID = fmt.Sprint(i % 5) // one may have come twice
		if rapid.IntRange(0, 3).Draw(t, "no value") == 0 {
			o.Value = scoring.Value{}
		}
		all = append(all, o)
	}
	slices.SortStableFunc(all, func(a, b scoring.Outcome) int { return a.ReceivedAt.Compare(b.ReceivedAt) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(o scoring.Outcome) bool {
		again := seen[o.ID]
		seen[o.ID] = true
		return again // the store keeps the first of an id
	})
}

// A decision depends on what is known and on the time, and on no order. Without an arrival it changes at the times that it
// names, from pending to something final, and never after the rule has closed: neither by time nor by what arrives then.
func TestDecisionsAreAFunctionOfWhatIsKnown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r, w := drawRule(t), hour
		w.Grace = time.Duration(rapid.IntRange(0, 1).Draw(t, "grace")*30) * time.Minute
		require.NoError(t, r.Validate())
		all := drawOutcomes(t)
		closes := r.Closes(w)
		require.False(t, r.Ends(w).After(closes))
		at := noon.Add(time.Duration(rapid.IntRange(-10, 200).Draw(t, "now")) * time.Minute)
		known := slices.DeleteFunc(slices.Clone(all), func(o scoring.Outcome) bool { return o.ReceivedAt.After(at) })

		d := r.Decide("s", w, known, at)
		for range 3 {
			again := rapid.Permutation(append(known, known...)).Draw(t, "again")
			require.Equal(t, d, r.Decide("s", w, again, at))
		}
		require.NoError(t, d.Score.Validate())
		require.Equal(t, d.Score.State == scoring.Pending, !d.Next.IsZero())
		for steps := 0; !d.Next.IsZero(); steps++ {
			require.Less(t, steps, 10)
			require.True(t, d.Next.After(at))
			require.False(t, d.Next.After(closes))
			require.Equal(t, d, r.Decide("s", w, known, d.Next.Add(-1)), "nothing changes before")
			next := r.Decide("s", w, known, d.Next)
			require.NotEqual(t, d, next)
			at, d = d.Next, next
		}
		require.Equal(t, d, r.Decide("s", w, known, at.Add(1000*time.Hour)), "it is final unless something arrives")

		inTime := slices.DeleteFunc(slices.Clone(all), func(o scoring.Outcome) bool { return !o.ReceivedAt.Before(closes) })
		require.Equal(t, r.Decide("s", w, inTime, closes), r.Decide("s", w, all, closes.Add(time.Hour)), "what arrives after changes nothing")
	})
}
