package scoring_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

const payload = `{"pull_request":{"merged":true,"labels":[{"name":"bug"},{"name":"ci"}],"commits":3,"size":1.5,"body":null,"sha":"3"},
	"9":{"x":1},"big":9007199254740993,"huge":1e400,"a.b":1,"":{"":7},"merged":false,"merged":true}`

func TestPredicates(t *testing.T) {
	t.Parallel()
	o := scoring.Outcome{Payload: []byte(payload)}
	pr := func(field string) scoring.Field { return scoring.Field("pull_request." + field) }
	for name, c := range map[string]struct {
		p    scoring.Predicate
		want bool
	}{
		"a boolean":                          {pr("merged").Is(true), true},
		"another boolean":                    {pr("merged").Is(false), false},
		"not the other":                      {pr("merged").IsNot(false), true},
		"not itself":                         {pr("merged").IsNot(true), false},
		"an element":                         {pr("labels.1.name").Is("ci"), true},
		"an element that is not there":       {pr("labels.2.name").Is("ci"), false},
		"no index":                           {pr("labels.-1.name").Is("ci"), false},
		"a name in a list":                   {pr("labels.name").Is("ci"), false},
		"an index in an object":              {scoring.Field("9.x").Is(1), true},
		"a number":                           {pr("commits").Is(3), true},
		"the same number otherwise":          {pr("commits").Is(3.0), true},
		"a number and a text":                {pr("sha").Is(3), false},
		"not equal across kinds":             {pr("sha").IsNot(3), true},
		"no order across kinds":              {pr("sha").AtLeast(3), false},
		"at least itself":                    {pr("commits").AtLeast(3), true},
		"at most itself":                     {pr("commits").AtMost(3), true},
		"more than itself":                   {pr("commits").MoreThan(3), false},
		"less than itself":                   {pr("commits").LessThan(3), false},
		"a fraction and an integer":          {pr("size").MoreThan(1), true},
		"null is no value":                   {pr("body").IsNot("x"), false},
		"an object is no value":              {scoring.Field("pull_request").IsNot("x"), false},
		"a field that is not there":          {pr("draft").IsNot(true), false},
		"through a value":                    {pr("merged.x").Is(true), false},
		"an integer beyond 2^53":             {scoring.Field("big").Is(int64(9007199254740993)), true},
		"its neighbour":                      {scoring.Field("big").Is(int64(9007199254740992)), false},
		"beyond any float64":                 {scoring.Field("huge").MoreThan(math.MaxFloat64), true},
		"names with points are not reached":  {scoring.Field("a.b").Is(1), false},
		"names that are empty":               {scoring.Field(".").Is(7), true},
		"of two members of a name, the last": {scoring.Field("merged").Is(true), true},
	} {
		require.NoError(t, c.p.Validate(), name)
		require.Equal(t, c.want, c.p.Met(o), name)
	}
	require.False(t, pr("merged").Is(true).Met(scoring.Outcome{}), "no payload")

	value := scoring.Field("")
	number, err := scoring.NumberValue(0.5)
	require.NoError(t, err)
	require.True(t, value.AtLeast(0.5).Met(scoring.Outcome{Value: number}))
	require.True(t, value.Is(true).Met(scoring.Outcome{Value: scoring.BoolValue(true)}))
	require.False(t, value.IsNot(true).Met(scoring.Outcome{}), "no value")
}

func TestPredicatesThatAreRefused(t *testing.T) {
	t.Parallel()
	f := scoring.Field("f")
	for name, c := range map[string]struct {
		p     scoring.Predicate
		field string
	}{
		"a list":          {f.Is([]int{1}), "compared value"},
		"nothing":         {f.Is(nil), "compared value"},
		"no JSON":         {f.Is(math.NaN()), "compared value"},
		"a text's order":  {f.AtLeast("3"), "compared value"},
		"a truth's order": {f.LessThan(true), "compared value"},
		"a long text":     {f.Is(strings.Repeat("x", 6*scoring.MaxField)), "compared value"},
		"a long path":     {scoring.Field(strings.Repeat("x", scoring.MaxField+1)).Is(1), "field"},
		"a comparison":    {scoring.Predicate{Field: "f", Is: "like", Value: []byte("1")}, "comparison"},
		"no comparison":   {scoring.Predicate{Field: "f", Value: []byte("1")}, "comparison"},
	} {
		t.Log(name)
		invalid(t, c.p.Validate(), c.field)
	}
}

// A predicate never panics and is never both met and refused; of equal and not equal at most one holds, and of the orders of
// numbers exactly one.
func FuzzPredicate(f *testing.F) {
	f.Add(payload, "pull_request.commits", "3")
	f.Add(payload, "pull_request.labels.0.name", `"bug"`)
	f.Add(`[[1],[2]]`, "1.0", "2")
	f.Add(`{"a":1e9999}`, "a", "-1e9999")
	f.Add(`"x"`, "", "true")
	f.Fuzz(func(t *testing.T, payload, field, value string) {
		if !json.Valid([]byte(value)) {
			return
		}
		o := scoring.Outcome{Payload: []byte(payload)}
		met := func(is scoring.Comparison) bool {
			p := scoring.Predicate{Field: field, Is: is, Value: []byte(value)}
			return p.Validate() == nil && p.Met(o)
		}
		equal, other := met(scoring.Equals), met(scoring.NotEquals)
		require.False(t, equal && other)
		less, more := met(scoring.LessThan), met(scoring.MoreThan)
		require.False(t, less && more || less && equal || more && equal)
		if less || more {
			require.True(t, other)
		}
		if met(scoring.AtMost) || met(scoring.AtLeast) {
			require.Equal(t, met(scoring.AtMost), less || equal)
			require.Equal(t, met(scoring.AtLeast), more || equal)
		}
	})
}
