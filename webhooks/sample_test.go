package webhooks_test

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

// A flood of forged deliveries is told of in a few lines and a number, and every one of them is counted.
func TestFloodOfForgedDeliveries(t *testing.T) {
	t.Parallel()
	good := signed(t, standardSecret, "m", noon, merged).Header
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		h := handler(t, standard, m, webhooks.Scores, func(o *webhooks.Options) {
			o.Logger = slog.New(slog.NewTextHandler(m, nil))
		})
		const flood = 20_000
		for i := range flood {
			if i%2 == 0 {
				require.Equal(t, 401, post(h, good, fmt.Sprint("forged ", i)).Code)
			} else {
				require.Equal(t, 400, post(h, nil, "no signature").Code)
			}
		}
		require.Len(t, m.rejected, 20)
		require.Empty(t, m.moreRejected(), "it is told after a minute")
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, map[string]int{
			"standard-webhooks: no matching signature": flood/2 - 10, "standard-webhooks: missing required headers": flood/2 - 10,
		}, m.moreRejected())
		require.Less(t, len(m.logged()), 4_000, m.logged())

		// A new minute tells anew, and what is counted when the handler is closed is told then.
		for range 11 {
			require.Equal(t, 401, post(h, good, "forged").Code)
		}
		require.Len(t, m.rejected, 30)
		require.NoError(t, h.(io.Closer).Close())
		for range 2 {
			require.Equal(t, map[string]int{
				"standard-webhooks: no matching signature": flood/2 - 9, "standard-webhooks: missing required headers": flood/2 - 10,
			}, m.moreRejected())
			require.NoError(t, h.(io.Closer).Close())
			time.Sleep(time.Hour)
			synctest.Wait()
		}
	})
}

// Of what is authentic each refusal is told of, as long as there are not thousands; and reasons without end are one.
func TestAuthenticRefusalsAreTold(t *testing.T) {
	t.Parallel()
	header := signed(t, standardSecret, "m", noon, merged).Header
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		reason := "n"
		h := handler(t, standard, m, func(webhooks.Delivery) ([]scoring.Outcome, error) {
			return nil, scoring.Invalid("body", "%s", reason)
		})
		for range 1001 {
			require.Equal(t, 400, post(h, header, merged).Code)
		}
		require.Len(t, m.rejected, 1000)
		for i := range 50 {
			reason = strings.Repeat("n", i+2)
			require.Equal(t, 400, post(h, header, merged).Code)
		}
		require.Len(t, m.rejected, 1031)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, map[string]int{
			"standard-webhooks: verdict: invalid body: n": 1, "standard-webhooks: other reasons": 19,
		}, m.moreRejected())
	})
}
