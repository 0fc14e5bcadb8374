package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/scoring"
)

func key(s string) []byte { return []byte(strings.Repeat(s, token.MinKey)) }

func TestTokens(t *testing.T) {
	t.Parallel()
	run := scoring.Run{Namespace: "n", WorkflowID: "customer-4711", RunID: "r"}
	sealed, err := token.Seal(key("a"), run)
	require.NoError(t, err)
	require.NotContains(t, sealed, "4711")
	again, err := token.Seal(key("a"), run)
	require.NoError(t, err)
	require.Equal(t, sealed, again, "workflow code makes the same one in every replay")

	got, err := token.Open([][]byte{key("b"), key("a")}, sealed) // the key was rotated
	require.NoError(t, err)
	require.Equal(t, run, got)

	var invalid *scoring.InvalidError
	for _, bad := range []string{"", "x", sealed[:len(sealed)-2], "A" + sealed[1:], strings.Repeat("A", 100_000)} {
		_, err := token.Open([][]byte{key("a")}, bad)
		require.ErrorAs(t, err, &invalid, bad)
	}
	_, err = token.Open([][]byte{key("b")}, sealed)
	require.ErrorAs(t, err, &invalid)
	_, err = token.Seal([]byte("short"), run)
	require.ErrorAs(t, err, &invalid)
}

// Whatever run there may be, its token is one.
func TestTokensOfLongIDs(t *testing.T) {
	t.Parallel()
	for _, c := range []string{"x", "<", `"`, "é", "\u2028", "👍"} {
		id := strings.Repeat(c, scoring.MaxID/len(c))
		run := scoring.Run{Namespace: id, WorkflowID: id, RunID: id}
		sealed, err := token.Seal(key("a"), run)
		require.NoError(t, err)
		got, err := token.Open([][]byte{key("a")}, sealed)
		require.NoError(t, err, c)
		require.Equal(t, run, got)
	}
}

func FuzzOpen(f *testing.F) {
	sealed, _ := token.Seal(key("a"), scoring.Run{WorkflowID: "w", RunID: "r"})
	f.Add(sealed)
	f.Add("not a token")
	f.Fuzz(func(t *testing.T, text string) {
		run, err := token.Open([][]byte{key("a")}, text)
		if err == nil && text != sealed {
			again, err := token.Seal(key("a"), run)
			if err != nil || again != text {
				t.Fatalf("%q was not made by us and opened as %v", text, run)
			}
		}
	})
}
