package stdlibqa

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUserVerdict(t *testing.T) {
	t.Parallel()
	const people = 4000
	for _, c := range []struct {
		shown []string
		want  float64
	}{
		{[]string{"right", "x", "y"}, likesFirst},
		{[]string{"x", "right", "y"}, likesInThree},
		{[]string{"x", "y", "right"}, likesInThree},
		{[]string{"x", "y", "z", "right"}, likesOther},
		{[]string{"x"}, likesOther},
		{nil, likesOther},
	} {
		up := 0
		for i := range people {
			q := Question{ID: fmt.Sprint("q-", i), Answer: "right"}
			verdict := UserVerdict(q, c.shown, 1)
			require.Equal(t, verdict, UserVerdict(q, c.shown, 1))
			if verdict {
				up++
			}
		}
		require.InDelta(t, c.want, float64(up)/people, 0.03, "%v", c.shown) // 4 standard errors at most
	}
}

func TestUserVerdictDependsOnTheSeed(t *testing.T) {
	t.Parallel()
	q := Question{ID: "q-1", Answer: "right"}
	said := map[bool]bool{}
	for seed := range int64(100) {
		said[UserVerdict(q, []string{"x", "right"}, seed)] = true
	}
	require.Len(t, said, 2)
}
