package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// registration is of a definition of retriever@1 about a metric.
func registration(metric, build string) experiments.Registration {
	return experiments.Registration{
		Definition: json.RawMessage(`{"name":"retriever","version":"1","primary":{"name":"` + metric + `"}}`),
		Namespace:  "default", TaskQueue: "answers", Build: build,
	}
}

// registered returns the definitions of retriever@1, without their times, which grow.
func (b bench) registered(t *testing.T) []experiments.Registration {
	t.Helper()
	all, err := b.Registrations(t.Context(), "retriever", "1")
	require.NoError(t, err)
	last := time.Now().Add(-time.Hour)
	for i := range all {
		require.False(t, all[i].At.Before(last), "%v", all)
		last, all[i].At = all[i].At, time.Time{}
	}
	return all
}

var registerTests = []namedTest{
	{"in order, each once", func(t *testing.T, b bench) {
		require.Empty(t, b.registered(t))
		first, second := registration("accepted", "b1"), registration("read", "")
		require.NoError(t, b.Register(t.Context(), first))
		require.NoError(t, b.Register(t.Context(), second))
		require.NoError(t, b.Register(t.Context(), registration("accepted", "b2")))
		require.Equal(t, []experiments.Registration{first, second}, b.registered(t), "who registers it first stays")
		for _, other := range [][2]string{{"retriever", "2"}, {"Retriever", "1"}, {"", ""}} {
			none, err := b.Registrations(t.Context(), other[0], other[1])
			require.NoError(t, err)
			require.Empty(t, none)
		}
		keys, err := b.Experiments(t.Context())
		require.NoError(t, err)
		require.Empty(t, keys, "nothing is assigned")
	}},
	{"as it is written", func(t *testing.T, b bench) {
		r := registration(`<é> \u0000`, "")
		r.Definition = json.RawMessage(strings.Replace(string(r.Definition), "{", `{ "of a later release": [1, {"x":null}],`, 1))
		require.NoError(t, b.Register(t.Context(), r))
		want := strings.NewReplacer(`{ "`, `{"`, `: [1, {`, `:[1,{`).Replace(string(r.Definition))
		require.Equal(t, want, string(b.registered(t)[0].Definition), "except for the space between")
		r.Definition = json.RawMessage(want)
		require.NoError(t, b.Register(t.Context(), r))
		require.Len(t, b.registered(t), 1)
	}},
	{"no definition", func(t *testing.T, b bench) {
		for _, text := range []string{``, `null`, `[]`, `{"name":"retriever"}`, `{"name":"","version":"1"}`, `{"name":1,"version":"1"}`, `{}{}`,
			`{"name":"retriever","version":"1","x":"` + strings.Repeat("y", experiments.MaxRegistered) + `"}`} {
			var invalid *scoring.InvalidError
			require.ErrorAs(t, b.Register(t.Context(), experiments.Registration{Definition: json.RawMessage(text)}), &invalid, "%.40s", text)
		}
		require.Empty(t, b.registered(t))
	}},
	{"by many workers at once", func(t *testing.T, b bench) {
		var all errgroup.Group
		for i := range 40 {
			all.Go(func() error { return b.Register(t.Context(), registration(fmt.Sprint(i%4), fmt.Sprint(i))) })
			all.Go(func() error {
				_, err := b.Assign(t.Context(), assignment(freshRun(), "a"))
				return err
			})
		}
		require.NoError(t, all.Wait())
		kept := b.registered(t)
		require.Len(t, kept, 4)
		require.Equal(t, kept, b.registered(t))
	}},
}
