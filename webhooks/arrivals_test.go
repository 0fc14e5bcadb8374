package webhooks

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However they come and go, there is room for one more, and it is at the cost of the oldest of whoever has the most.
func TestArrivalsAreFair(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := arrivals{limit: rapid.IntRange(1, 8).Draw(t, "limit")}
		var open []*arrival // oldest first
		without := func(gone *arrival) []*arrival {
			var rest []*arrival
			for _, in := range open {
				if in != gone {
					rest = append(rest, in)
				}
			}
			return rest
		}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			if len(open) > 0 && rapid.Bool().Draw(t, "leave") {
				in := open[rapid.IntRange(0, len(open)-1).Draw(t, "who")]
				require.False(t, a.leave(in))
				open = without(in)
				continue
			}
			full := len(open) == a.limit
			var want, cut *arrival
			if full {
				most := map[string]int{}
				for _, in := range open {
					most[in.sender]++
				}
				for _, in := range open {
					if want == nil || most[in.sender] > most[want.sender] {
						want = in
					}
				}
			}
			cuts := 0
			in := a.enter(fmt.Sprint(rapid.IntRange(0, 2).Draw(t, "sender")), func() { cuts++ })
			for _, o := range open {
				if o.gone {
					cut = o
				}
			}
			require.True(t, want == cut)
			require.Zero(t, cuts, "the one that came")
			if cut != nil {
				require.True(t, a.leave(cut))
				open = without(cut)
			}
			open = append(open, in)
			require.Len(t, a.all, len(open))
		}
	})
}

func TestSender(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.7:1234": "192.0.2.7", "[::ffff:192.0.2.7]:1": "192.0.2.7", "[2001:db8:1:2:3:4:5:6]:1": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:1": "fe80::/64", "@": "@", "pipe:1": "pipe",
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = remote
		require.Equal(t, want, senderOf(r), remote)
	}
}
