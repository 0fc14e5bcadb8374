package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// thumb says something about the run of a key.
func (b bench) thumb(t *testing.T, key string, up bool, minutes int) store.KeyedReceipt {
	t.Helper()
	receipt, err := b.RecordKeyed(t.Context(), store.Keyed{
		Key: key, DeliveryID: fmt.Sprintf("call-%s-%d", key, minutes), Records: []scoring.Record{record(scoring.Run{}, scoring.Bool("thumb", up), minutes)},
	})
	require.NoError(t, err)
	return receipt
}

// declares flushes a run that declares keys.
func declares(r scoring.Run, keys ...string) scoring.Flush {
	f := flush(r, 1)
	f.Facts.Keys = keys
	return f
}

func (b bench) held(t *testing.T) []store.Entry {
	t.Helper()
	entries, err := b.Ledger(t.Context(), store.LedgerFilter{State: store.Held})
	require.NoError(t, err)
	return entries
}

var keyedTests = []namedTest{
	{"a key is a run's of its namespace", func(t *testing.T, b bench) {
		here, there := freshRun(), freshRun()
		here.Namespace, there.Namespace = "here", "there"
		say := func(namespace, key string, up bool) store.KeyedReceipt {
			receipt, err := b.RecordKeyed(t.Context(), store.Keyed{
				Key: key, Namespace: namespace, Records: []scoring.Record{record(scoring.Run{}, scoring.Bool("thumb", up), 1)},
			})
			require.NoError(t, err)
			return receipt
		}
		require.True(t, say("there", "m", true).Held)
		require.True(t, say("here", "m", false).Held)
		b.flush(t, declares(here, "m"))
		require.Equal(t, []string{"thumb=false"}, b.current(t, here))
		require.Len(t, b.held(t), 1)
		require.True(t, say("there", "m", true).Held)
		b.flush(t, declares(there, "m", "n"))
		require.Equal(t, []string{"thumb=true"}, b.current(t, there))
		require.Equal(t, here, say("here", "m", true).Run)
		_, err := b.RecordKeyed(t.Context(), store.Keyed{Key: "m", Records: []scoring.Record{record(scoring.Run{}, scoring.Bool("thumb", true), 1)}})
		require.ErrorIs(t, err, store.ErrAmbiguous)
		require.True(t, say("here", "n", true).Held, "the run that declares it is of another namespace")
		old := freshRun()
		old.Namespace = ""
		b.flush(t, declares(old, "n"))
		require.Equal(t, []string{"thumb=true"}, b.current(t, old), "a run of an old release may be of any")
		n, err := b.ReleaseHeld(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	}},
	{"a score about a key is held until a run declares it", func(t *testing.T, b bench) {
		r := freshRun()
		for i, up := range []bool{true, false, true} {
			require.Equal(t, store.KeyedReceipt{Held: true}, b.thumb(t, "m-1", up, i+1))
		}
		require.Equal(t, store.KeyedReceipt{Held: true}, b.thumb(t, "mistyped", true, 4))
		require.Empty(t, b.said(t, store.Filter{}))
		entries := b.held(t)
		require.Len(t, entries, 4)
		require.Equal(t, store.Entry{
			Outcome: scoring.Outcome{ID: "call-mistyped-4", Name: "thumb", Key: "mistyped", Value: scoring.BoolValue(true), ReceivedAt: at(4), Source: "client"},
			State:   store.Held, Deliveries: 1, Reason: "no run has declared the key yet",
		}, entries[0])
		all, err := b.Ledger(t.Context(), store.LedgerFilter{Since: at(2), Limit: 2})
		require.NoError(t, err)
		require.Len(t, all, 2)

		b.flush(t, declares(r, "m-1", "other"))
		require.Equal(t, []string{"thumb=true", "thumb=false", "thumb=true"}, b.said(t, store.Filter{Run: r, History: true}))
		require.Len(t, b.held(t), 1)
		require.Equal(t, store.KeyedReceipt{Run: r}, b.thumb(t, "m-1", false, 5))
		require.Equal(t, []string{"thumb=false"}, b.said(t, store.Filter{Run: r}))
		b.flush(t, declares(r, "m-1", "other"))
		require.Len(t, b.said(t, store.Filter{Run: r, History: true}), 4, "once")
	}},
	{"the same call again holds nothing twice", func(t *testing.T, b bench) {
		b.thumb(t, "m", true, 1)
		b.thumb(t, "m", true, 1)
		require.Len(t, b.held(t), 1)
		r := freshRun()
		b.flush(t, declares(r, "m"))
		b.thumb(t, "m", true, 1)
		require.Equal(t, []string{"thumb=true"}, b.said(t, store.Filter{History: true}))
	}},
	{"a request is made once", func(t *testing.T, b bench) {
		try := func(key, digest string, up bool, minutes int) (store.KeyedReceipt, error) {
			return b.RecordKeyed(t.Context(), store.Keyed{
				Key: "m", Request: key, Digest: digest, Records: []scoring.Record{record(scoring.Run{}, scoring.Bool("thumb", up), minutes)},
			})
		}
		receipt, err := try("a", "up", true, 1)
		require.NoError(t, err)
		require.Equal(t, store.KeyedReceipt{Held: true}, receipt)
		receipt, err = try("a", "up", true, 2)
		require.NoError(t, err)
		require.Equal(t, store.KeyedReceipt{Held: true, Repeated: true}, receipt)
		_, err = try("a", "down", false, 3)
		require.ErrorIs(t, err, store.ErrConflict)
		require.Len(t, b.held(t), 1)
		r := freshRun()
		b.flush(t, declares(r, "m"))
		receipt, err = try("a", "up", true, 4)
		require.NoError(t, err)
		require.Equal(t, store.KeyedReceipt{Run: r, Repeated: true}, receipt)
		require.Equal(t, []string{"thumb=true"}, b.said(t, store.Filter{History: true}))
	}},
	{"a key of several runs is ambiguous", func(t *testing.T, b bench) {
		b.flush(t, declares(freshRun(), "m"))
		b.flush(t, declares(freshRun(), "m"))
		_, err := b.RecordKeyed(t.Context(), store.Keyed{Key: "m", Records: []scoring.Record{record(scoring.Run{}, scoring.Bool("thumb", true), 1)}})
		require.ErrorIs(t, err, store.ErrAmbiguous)
		require.Empty(t, b.held(t))
		require.Empty(t, b.said(t, store.Filter{}))
	}},
	{"a run that was reset away leaves it to its replacement", func(t *testing.T, b bench) {
		first := freshRun()
		second := run(first.WorkflowID, fresh("run"))
		gone, holds := declares(first, "m"), declares(second, "m")
		holds.Facts.OriginalRunID, holds.Facts.StartedAt = first.RunID, at(2)
		b.thumb(t, "m", true, 3)
		unkeyed := holds
		unkeyed.Facts.Keys = nil
		b.flush(t, unkeyed)
		b.flush(t, gone)
		require.Len(t, b.held(t), 1)
		holds.Sequence = 2
		b.flush(t, holds)
		require.Empty(t, b.held(t))
		require.Equal(t, []string{"thumb=true"}, b.said(t, store.Filter{Run: second}))
	}},
	{"a score is rejected if no run declares its key in time", func(t *testing.T, b bench) {
		b.thumb(t, "old", true, 1)
		b.thumb(t, "old", false, 2)
		b.thumb(t, "new", true, 3)
		k := b.Store
		n, err := k.ExpireHeld(t.Context(), at(3))
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Len(t, b.held(t), 1)
		rejected, err := b.Ledger(t.Context(), store.LedgerFilter{State: store.Rejected})
		require.NoError(t, err)
		require.Len(t, rejected, 2)
		for _, e := range rejected {
			require.Equal(t, `no run has declared the key "old"`, e.Reason)
			require.Contains(t, []string{"call-old-1", "call-old-2"}, e.Outcome.ID)
		}
		n, err = k.ReleaseHeld(t.Context())
		require.NoError(t, err)
		require.Zero(t, n)
	}},
	{"more than one transaction's worth", func(t *testing.T, b bench) {
		const n = 505
		k := store.Keyed{Key: "m"}
		for i := range n {
			k.Records = append(k.Records, record(scoring.Run{}, scoring.Number(fmt.Sprint("n", i), float64(i)), 1))
		}
		_, err := b.RecordKeyed(t.Context(), k)
		require.NoError(t, err)
		r := freshRun()
		b.flush(t, declares(r, "m"))
		require.Len(t, b.held(t), n-500)
		released, err := b.ReleaseHeld(t.Context())
		require.NoError(t, err)
		require.Equal(t, n-500, released)
		require.Len(t, b.said(t, store.Filter{Run: r}), n)
	}},
	{"while runs declare keys, each score is recorded once and none stays", func(t *testing.T, b bench) {
		const keys, scores = 6, 8
		var errs [keys * (scores + 1)]error
		runs := make([]scoring.Run, keys)
		var together sync.WaitGroup
		for i := range keys {
			runs[i] = freshRun()
			key := fmt.Sprint("key", i)
			together.Go(func() { errs[i*(scores+1)] = b.Flush(t.Context(), declares(runs[i], key)) })
			for j := range scores {
				together.Go(func() {
					k := store.Keyed{Key: key, Records: []scoring.Record{record(scoring.Run{}, scoring.Number(fmt.Sprint("n", j), 1), j)}}
					for range 2 { // a call may be repeated
						_, err := b.RecordKeyed(t.Context(), k)
						errs[i*(scores+1)+j+1] = errors.Join(errs[i*(scores+1)+j+1], err)
					}
				})
			}
		}
		together.Wait()
		require.NoError(t, errors.Join(errs[:]...))
		require.Empty(t, b.held(t))
		for _, r := range runs {
			require.Len(t, b.said(t, store.Filter{Run: r, History: true}), scores)
		}
	}},
	{"a refused call changes nothing", func(t *testing.T, b bench) {
		good := record(scoring.Run{}, scoring.Bool("thumb", true), 1)
		bad := record(scoring.Run{}, scoring.Bool("", true), 1)
		for _, k := range []store.Keyed{
			{Key: "", Records: []scoring.Record{good}}, {Key: "m", Records: []scoring.Record{good, bad}}, {Key: "a\x00b", Records: []scoring.Record{good}},
		} {
			_, err := b.RecordKeyed(t.Context(), k)
			require.ErrorAs(t, err, new(*scoring.InvalidError))
		}
		require.Empty(t, b.held(t))
	}},
}
