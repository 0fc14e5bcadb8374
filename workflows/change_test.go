package workflows

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Change ids are short, and no two calls share one, whatever their names are made of.
func TestChangeIDs(t *testing.T) {
	t.Parallel()
	kinds := []kind{flushKind, deferKind, deferAllKind, experimentKind, shadowKind}
	seen := map[string]string{}
	add := func(k kind, name, what string) {
		id := k.changeID(name)
		require.Less(t, len(id), 24, id)
		require.Equal(t, -1, strings.IndexAny(id, "<>&\"\\"), id)
		require.NotContains(t, seen, id, what)
		seen[id] = what
	}
	parts := []string{"a", "a@b", "b@c", "@", "2", "quality", "quality/2", "quality.2", "<a>", "ü", "a&b", strings.Repeat("n", 128), strings.Repeat("n", 127) + "m"}
	for _, a := range parts {
		add(flushKind, a, "flush "+a)
		for ordinal := range 3 {
			add(deferKind, fmt.Sprintf("%s.%d", a, ordinal+1), fmt.Sprint("defer ", a, ordinal))
			add(deferAllKind, fmt.Sprintf("%s.%d", a, ordinal+1), fmt.Sprint("defer all ", a, ordinal))
		}
		for _, version := range parts {
			add(experimentKind, experimentName(a, version), "experiment "+a+" in "+version)
			for _, variant := range parts {
				add(shadowKind, shadowName(a, version, variant), "shadow "+variant+" of "+a+" in "+version)
			}
		}
	}
	for _, k := range kinds {
		require.NotContains(t, seen, k.shared())
		require.Less(t, len(k.shared()), 24)
	}
	require.Contains(t, seen, "verdict/f/quality", "a name that fits is readable")
	require.Contains(t, seen, "verdict/d/quality.1")
	require.Contains(t, seen, "verdict/e/a@2")
}
