package workflows

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Histories have what is started together: these numbers never change.
func TestTogether(t *testing.T) {
	t.Parallel()
	some := func(n int, in any) []any { return slices.Repeat([]any{in}, n) }
	for name, c := range map[string]struct {
		ins  []any
		each int
		want int
	}{
		"none": {nil, 0, 0}, "one": {some(1, "k"), 0, 1}, "a hundred": {some(100, "k"), 0, 100}, "more": {some(1000, "k"), 0, 100},
		"large":               {some(10, strings.Repeat("<", 100_000)), 0, 2},
		"larger than it all":  {some(3, strings.Repeat("<", 300_000)), 0, 1},
		"no JSON":             {some(3, func() {}), 0, 3},
		"a few that are less": {some(4, strings.Repeat("x", 300_000)), 0, 4},
		"told of much":        {some(50, "k"), 100_000, 14},
	} {
		require.Equal(t, c.want, together(c.ins, c.each), name)
	}
}
