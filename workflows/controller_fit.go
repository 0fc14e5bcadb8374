package workflows

import (
	"slices"

	"github.com/verdict-dev/verdict/activities"
)

// carried is what a controller holds, as the answer to a query and the input of its next run, in which it must fit: the
// oldest epochs and revisions are left out where it does not. The revisions of people stay for longer than the policy's.
func carried(c activities.Control) activities.Control {
	if activities.Size(c) <= activities.MaxCarried {
		return c
	}
	rest := c
	rest.Epochs, rest.Revisions = nil, nil
	left := activities.MaxCarried - activities.Size(rest)
	for n := len(c.Epochs) - 1; n > 0; n-- {
		if newest := activities.Size(c.Epochs[n-1:]); newest > left/2 {
			c.Epochs = c.Epochs[n:]
			break
		}
	}
	left -= activities.Size(c.Epochs)

	size := 0
	sizes := make([]int, len(c.Revisions))
	for i, r := range c.Revisions {
		sizes[i] = activities.Size(r) + len(",")
		size += sizes[i]
	}
	c.Revisions = slices.Clone(c.Revisions)
	for size > left && len(c.Revisions) > 0 {
		i := oldest(c.Revisions)
		size -= sizes[i]
		c.Revisions, sizes = slices.Delete(c.Revisions, i, i+1), slices.Delete(sizes, i, i+1)
		c.Forgotten++
	}
	return c
}

// oldest is the revision that is left out next: what people have done is remembered for longer than what a policy does
// every hour, but for the last one.
func oldest(all []activities.Revision) int {
	return max(0, slices.IndexFunc(all[:len(all)-1], func(r activities.Revision) bool { return r.Who == activities.ByPolicy }))
}
