package rollout

import (
	"math"
	"slices"

	"github.com/verdict-dev/verdict/scoring"
)

// Fit returns s in at most limit bytes of JSON, as the answer to a query and the input of a run must be: the oldest epochs
// and revisions are left out where it has more. The revisions of people stay for longer than the policy's.
func (s State) Fit(limit int) State {
	if size(s) <= limit {
		return s
	}
	c := s
	rest := c
	rest.Epochs, rest.Revisions = nil, nil
	left := limit - size(rest)
	for n := len(c.Epochs) - 1; n > 0; n-- {
		if newest := size(c.Epochs[n-1:]); newest > left/2 {
			c.Epochs = c.Epochs[n:]
			break
		}
	}
	left -= size(c.Epochs)

	whole := 0
	sizes := make([]int, len(c.Revisions))
	for i, r := range c.Revisions {
		sizes[i] = size(r) + len(",")
		whole += sizes[i]
	}
	c.Revisions = slices.Clone(c.Revisions)
	for whole > left && len(c.Revisions) > 0 {
		i := oldest(c.Revisions)
		whole -= sizes[i]
		c.Revisions, sizes = slices.Delete(c.Revisions, i, i+1), slices.Delete(sizes, i, i+1)
		c.Forgotten++
	}
	return c
}

// oldest is the next revision to drop: changes by people are kept longer than the hourly changes of a policy, except
// the last of these, and promotions against the verdict longer than all others.
func oldest(all []Revision) int {
	for _, drop := range []func(Revision) bool{
		func(r Revision) bool { return r.Who == ByPolicy && r.Against == "" }, func(r Revision) bool { return r.Against == "" },
	} {
		if i := slices.IndexFunc(all[:len(all)-1], drop); i >= 0 {
			return i
		}
	}
	return 0
}

func size(v any) int {
	n, err := scoring.EncodedSize(v)
	if err != nil {
		return math.MaxInt
	}
	return n
}
