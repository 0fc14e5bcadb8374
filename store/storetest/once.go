package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var onceTests = []namedTest{
	{"a request that is repeated changes nothing, another one with its key is a conflict", func(t *testing.T, b bench) {
		r := freshRun()
		up, down := record(r, scoring.Bool("thumb", true), 1), record(r, scoring.Bool("thumb", false), 2)
		try := func(key, digest string, records ...scoring.Record) (bool, error) {
			return b.RecordOnce(t.Context(), key, digest, records)
		}
		first, err := try("a", "up", up)
		require.NoError(t, err)
		require.True(t, first)
		first, err = try("b", "down", down)
		require.NoError(t, err)
		require.True(t, first)
		up.RecordedAt = at(3)
		first, err = try("a", "up", up)
		require.NoError(t, err)
		require.False(t, first)
		_, err = try("a", "down", down)
		require.ErrorIs(t, err, store.ErrConflict)
		require.Equal(t, []string{"thumb=true", "thumb=false"}, b.said(t, store.Filter{History: true}))
	}},
	{"a request that is refused has used up no key", func(t *testing.T, b bench) {
		bad := record(freshRun(), scoring.Bool("", true), 1)
		_, err := b.RecordOnce(t.Context(), "a", "1", []scoring.Record{bad})
		require.ErrorAs(t, err, new(*scoring.InvalidError))
		first, err := b.RecordOnce(t.Context(), "a", "2", nil)
		require.NoError(t, err)
		require.True(t, first)
	}},
	{"of many at once, one is first", func(t *testing.T, b bench) {
		var firsts, conflicts atomic.Int32
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				first, err := b.RecordOnce(t.Context(), "a", fmt.Sprint(i%2), []scoring.Record{record(freshRun(), scoring.Bool("x", true), 1)})
				if first {
					firsts.Add(1)
				}
				if err != nil {
					conflicts.Add(1)
				}
			})
		}
		all.Wait()
		require.Equal(t, int32(1), firsts.Load())
		require.Equal(t, int32(10), conflicts.Load())
		require.Len(t, b.scores(t, store.Filter{}), 1)
	}},
}
