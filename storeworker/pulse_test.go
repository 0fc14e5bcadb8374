package storeworker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// write is a write that takes some time and returns an error.
func write(takes time.Duration, err error) func(context.Context) (int, error) {
	return func(ctx context.Context) (int, error) {
		timer := time.NewTimer(takes)
		defer timer.Stop()
		select {
		case <-timer.C:
			return 7, err
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// A store is away when it refuses or commits nothing for half a second; it is left alone for a second then, and one write tries
// it after that.
func TestAStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		do := func(takes time.Duration, err error) error {
			_, got := commit(t.Context(), p, write(takes, err))
			return got
		}
		require.NoError(t, do(400*time.Millisecond, nil))
		began := time.Now()
		require.ErrorIs(t, do(time.Hour, nil), errStoreAway)
		require.InDelta(t, silence.Seconds(), time.Since(began).Seconds(), 0.2)
		began = time.Now()
		require.ErrorIs(t, do(0, nil), errStoreAway)
		require.Zero(t, time.Since(began), "it is left alone")
		time.Sleep(leftAlone)
		refusal := errors.New("no")
		require.ErrorIs(t, do(0, refusal), refusal)
		require.ErrorIs(t, do(0, nil), errStoreAway)
		time.Sleep(leftAlone)
		require.NoError(t, do(0, nil))
		invalid := scoring.Invalid("name", "it is empty")
		require.ErrorIs(t, do(0, invalid), invalid)
		require.NoError(t, do(0, nil), "who refuses bad input is there")
	})
}

// A store that commits other writes is busy, not away, and a sender that hangs up says nothing of it.
func TestAStoreIsBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for ctx.Err() == nil {
				_, _ = commit(ctx, p, write(100*time.Millisecond, nil))
			}
		}()
		began := time.Now()
		_, err := commit(t.Context(), p, write(time.Hour, nil))
		require.ErrorIs(t, err, errBusy)
		require.InDelta(t, busyLimit.Seconds(), time.Since(began).Seconds(), 0.2)

		hangsUp, hangUp := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer hangUp()
		_, err = commit(hangsUp, p, write(time.Hour, nil))
		require.ErrorIs(t, err, errBusy)
		n, err := commit(t.Context(), p, write(0, nil))
		require.NoError(t, err)
		require.Equal(t, 7, n)
	})
}

// A sender that hangs up while its write tries a store that was away lets the next one try.
func TestAProbeThatIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPulse()
		_, err := commit(t.Context(), p, write(0, errors.New("no")))
		require.Error(t, err)
		time.Sleep(leftAlone)
		hangsUp, hangUp := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer hangUp()
		_, err = commit(hangsUp, p, write(time.Hour, nil))
		require.ErrorIs(t, err, errBusy)
		_, err = commit(t.Context(), p, write(0, nil))
		require.NoError(t, err)
	})
}
