package wire_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/wire"
)

func TestID(t *testing.T) {
	t.Parallel()
	for _, same := range []string{"", "order-1", "a b", "trailing ", "100%", "%2F", "%%", "%%x", "a/b~", strings.Repeat("x", 512)} {
		require.Equal(t, same, wire.ID(same))
	}
	require.Equal(t, "%%90397c7bc9e693052adfa7245833ebd3%%C3%A9v%C3%A8nement-1", wire.ID("évènement-1"))
	require.Len(t, wire.ID("x"+strings.Repeat("注", 170)), wire.MaxEncoded-2) // no half of an escape
}

// Whatever the text, its id is what a gRPC header takes, short, and of no other text; not even of one that was made to
// look like it.
func TestIDsAreSafeAndDistinct(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.OneOf(rapid.String(), rapid.StringMatching(`[é%a]{0,5}`)).Draw(t, "one")
		other := rapid.OneOf(rapid.String(), rapid.StringMatching(`[é%a]{0,5}`), rapid.Just(wire.ID(one)), rapid.Just(wire.ID(wire.ID(one)))).Draw(t, "other")
		id := wire.ID(one)
		require.True(t, wire.Printable(id))
		require.LessOrEqual(t, len(id), max(len(one), wire.MaxEncoded))
		require.Equal(t, one == other, id == wire.ID(other))
	})
}
