package wire_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/wire"
)

// Stores find their rows by digests that earlier releases wrote.
func TestDigestsNeverChange(t *testing.T) {
	t.Parallel()
	require.Equal(t, "0b078478891990e0be3ec6f7ea10cfd706e9257b13a678266a1d39b3901a3f50", hex.EncodeToString(wire.Digest("default", "order-1", "r")))
	require.NotEqual(t, wire.Digest("ab", "c"), wire.Digest("a", "bc"))
	require.NotEqual(t, wire.Digest("a"), wire.Digest("a", ""))
}
