package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

const path = "/repos/octo/hello/pulls/1"

// once gets one object.
func (f *fake) once(ctx context.Context) error {
	var to map[string]any
	return f.get(ctx, path, &to)
}

func TestWaitsAsItIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refusals []answer
		pauses   []time.Duration
	}{
		"the hour's limit":                      {[]answer{limited(day0.Add(20 * time.Minute))}, []time.Duration{20*time.Minute + time.Second}},
		"the hour's limit is just over":         {[]answer{limited(day0.Add(-time.Minute))}, []time.Duration{time.Second}},
		"too many":                              {[]answer{failing(429, "Retry-After", "30")}, []time.Duration{30 * time.Second}},
		"too many, until a time":                {[]answer{failing(429, "Retry-After", day0.Add(90*time.Second).Format(http.TimeFormat))}, []time.Duration{90 * time.Second}},
		"too many, and nothing about how long":  {[]answer{failing(429)}, []time.Duration{time.Minute}},
		"a Retry-After that nobody understands": {[]answer{failing(429, "Retry-After", "soon")}, []time.Duration{time.Minute}},
		"the secondary limit": {
			[]answer{{status: 403, body: `{"message":"You have exceeded a secondary rate limit. Please wait."}`}}, []time.Duration{time.Minute},
		},
		"its own errors":     {[]answer{failing(500), failing(502), failing(503)}, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second}},
		"an error that asks": {[]answer{failing(503, "Retry-After", "17")}, []time.Duration{17 * time.Second}},
		"a connection cut":   {[]answer{{drop: true}, {drop: true}}, []time.Duration{time.Second, 2 * time.Second}},
		"one after another":  {[]answer{failing(500), limited(day0.Add(time.Minute))}, []time.Duration{time.Second, time.Minute}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			var said []string
			f.Waiting = func(d time.Duration, why string) { said = append(said, fmt.Sprintf("%s: %s", d, why)) }
			f.Client.Transport.(*http.Transport).DisableKeepAlives = true // else the transport repeats what was cut by itself
			f.answer(path, append(c.refusals, ok(`{}`))...)
			require.NoError(t, f.once(t.Context()))
			require.Equal(t, c.pauses, f.pauses)
			require.Len(t, said, len(c.pauses))
		})
	}
}

func TestDoesNotAskForEver(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]answer{
		"errors": failing(500), "limits": failing(429, "Retry-After", "1"), "cuts": {drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.Client.Transport.(*http.Transport).DisableKeepAlives = true
			f.answer(path, refusal)
			require.Error(t, f.once(t.Context()))
			require.Len(t, f.requests(), attempts)
		})
	}
}

// What no wait mends is not asked again.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for status, alone := range map[int]bool{400: true, 403: true, 404: true, 410: true, 422: true, 401: false} {
		f := newFake(t)
		f.answer(path, failing(status))
		err := f.once(t.Context())
		var answer *AnswerError
		require.Equal(t, alone, errors.As(err, &answer), "%d: whether it is about this request alone", status)
		require.ErrorContains(t, err, fmt.Sprint(status))
		require.ErrorContains(t, err, "so says GitHub")
		require.Len(t, f.requests(), 1, "%d", status)
		require.Empty(t, f.pauses)
	}
}

// A wait that does not fit into the time that is left is not begun.
func TestNoTimeToWait(t *testing.T) {
	t.Parallel()
	deadline, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Minute))
	defer cancel()
	for name, c := range map[string]struct {
		ctx     context.Context
		refusal answer
	}{
		"the command's time":               {deadline, limited(time.Now().Add(20 * time.Minute))},
		"the command's time, for a 5xx":    {deadline, failing(503, "Retry-After", "600")},
		"longer than any limit can last":   {t.Context(), limited(time.Now().Add(3 * time.Hour))},
		"longer than there is time at all": {t.Context(), failing(403, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", "9223372036854775807")},
		"absurdly long":                    {t.Context(), failing(429, "Retry-After", "2147483647")},
	} {
		f := newFake(t)
		f.now = nil // the deadline is of the real clock
		f.answer(path, c.refusal)
		err := f.once(c.ctx)
		var no *NoTimeError
		require.ErrorAs(t, err, &no, name)
		require.Empty(t, f.pauses, name)
		require.ErrorContains(t, err, "after the deadline", name)
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"no JSON": "<html>", "a list": "[]", "empty": "", "another thing": `{"message":"moved"}`, "no state": `{"number":1,"merged":true}`,
		"closed, and nobody says whether it was merged": `{"number":1,"state":"closed","closed_at":"2026-03-02T00:00:00Z"}`,
		"merged, and nobody says when":                  `{"number":1,"state":"closed","merged":true}`,
		"too long":                                      `{"state":"` + strings.Repeat("x", maxBody) + `"}`,
	} {
		f := newFake(t)
		f.answer(path, ok(body))
		f.answer("/repos/octo/hello/pulls/2", ok(closedPR))
		var b book
		items, err := Run(t.Context(), []scoring.Expectation{
			expectation("s1", "octo/hello#1", webhooks.PullRequestMerged), expectation("s2", "octo/hello#2", webhooks.PullRequestClosed),
		}, b.options(f.GitHub))
		require.NoError(t, err, name)
		require.Equal(t, Failed, items[0].Result, name)
		require.Equal(t, Delivered, items[1].Result, "%s: the others go on", name)
		require.Len(t, b.outcomes, 1, name)
	}
}

// A provider that is down is left in peace, and what is left is said.
func TestStopsWhenEverythingFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var waiting []scoring.Expectation
	for i := range 6 {
		key := webhooks.IssueKey("octo/hello", i+1)
		waiting = append(waiting, expectation(fmt.Sprint("s", i), key, webhooks.PullRequestMerged))
		f.answer("/repos/octo/hello/pulls/"+fmt.Sprint(i+1), failing(502))
	}
	f.answer(path, ok(mergedPR))
	var b book
	items, err := Run(t.Context(), waiting, b.options(f.GitHub))
	var stopped *StoppedError
	require.ErrorAs(t, err, &stopped)
	require.Equal(t, 2, stopped.Left)
	var results []Result
	for _, i := range items {
		results = append(results, i.Result)
	}
	require.Equal(t, []Result{Delivered, Failed, Failed, Failed, Left, Left}, results)
	require.Len(t, f.requests(), 1+3*attempts)
}

// A thing that fails now and then is not a provider that is down.
func TestFailuresInBetween(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var waiting []scoring.Expectation
	for i, a := range []answer{failing(403), failing(403), ok(openPR), failing(403), failing(403), ok(openPR), failing(410)} {
		waiting = append(waiting, expectation(fmt.Sprint("s", i), webhooks.IssueKey("octo/hello", i+1), webhooks.PullRequestMerged))
		f.answer("/repos/octo/hello/pulls/"+fmt.Sprint(i+1), a)
	}
	var b book
	items, err := Run(t.Context(), waiting, b.options(f.GitHub))
	require.NoError(t, err)
	var results []Result
	for _, i := range items {
		results = append(results, i.Result)
	}
	require.Equal(t, []Result{Failed, Failed, Open, Failed, Failed, Open, Gone}, results)
}

// A limit in the middle: what was done stays done, and the next call goes on.
func TestLimitedInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer(path, ok(mergedPR))
	f.answer("/repos/octo/hello/pulls/2", limited(day0.Add(2*time.Hour)), ok(closedPR))
	waiting := []scoring.Expectation{
		expectation("s1", "octo/hello#1", webhooks.PullRequestMerged), expectation("s2", "octo/hello#2", webhooks.PullRequestClosed),
	}
	var b book
	items, err := Run(t.Context(), waiting, b.options(f.GitHub))
	require.EqualError(t, err, `stopped with 1 left to ask about: GitHub's rate limit is reached: 403: "so says GitHub"; `+
		"the next request is allowed in 2h0m1s, after the deadline")
	require.Equal(t, []Result{Delivered, Left}, []Result{items[0].Result, items[1].Result})
	items, err = Run(t.Context(), waiting, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, []Result{Held, Delivered}, []Result{items[0].Result, items[1].Result})
}

// A repository that was renamed answers elsewhere; the outcome has the key that is waited for.
func TestRenamed(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer(path, answer{status: 301, header: http.Header{"Location": {"/repositories/7/pulls/9"}}})
	f.answer("/repositories/7/pulls/9", ok(strings.Replace(mergedPR, `"number":1`, `"number":9`, 1)))
	var b book
	_, err := Run(t.Context(), []scoring.Expectation{expectation("s1", "octo/hello#1", webhooks.PullRequestMerged)}, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, "octo/hello#1", b.outcomes["reconcile:github:octo/hello#1:merged"].Key)
}

func TestEventsOfSeveralPages(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/issues/5", ok(openIssue))
	full := strings.TrimSuffix(strings.Repeat(`{"event":"labeled"},`, perPage), ",")
	f.answer("/repos/octo/hello/issues/5/events?per_page=100&page=1", ok("["+full+"]"))
	f.answer("/repos/octo/hello/issues/5/events?per_page=100&page=2", ok(`[{"event":"reopened","created_at":"2026-03-05T00:00:00Z","actor":null}]`))
	var b book
	_, err := Run(t.Context(), []scoring.Expectation{expectation("s", "octo/hello#5", webhooks.IssueReopened)}, b.options(f.GitHub))
	require.NoError(t, err)
	require.Len(t, b.outcomes, 1)
	require.Len(t, f.requests(), 3)
}

// FuzzKey: whatever a key is, it is one of a thing, or of nothing; it never leads elsewhere in the API.
func FuzzKey(f *testing.F) {
	for _, k := range []string{"octo/hello#1", "../..#1", "a/..#2", ".github/.github#3", "a/b/c#1", "a/b#01", "a/b#", "a%2f/b#1", "a/b?x#1", "a/b#9999999999999999999"} {
		f.Add(k)
	}
	f.Fuzz(func(t *testing.T, key string) {
		about := thingOf(scoring.Event{Name: webhooks.IssueClosed, Key: key})
		if about.isZero() {
			return
		}
		require.Equal(t, key, about.key())
		owner, name, found := strings.Cut(about.repository, "/")
		require.True(t, found)
		for _, part := range []string{owner, name} {
			require.NotContains(t, []string{"", ".", ".."}, part)
			require.NotContains(t, part, "/")
			require.False(t, strings.ContainsAny(part, "?#%\\ "))
		}
		require.Positive(t, about.number)
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{
		"octo/hello#1": true, ".github/.github#3": true, "a/b.js#7": true, "_/-#1": true,
		"../..#1": false, "a/..#2": false, "./a#1": false, "a/b/c#1": false, "a/b#01": false, "a/b#0": false, "a/b#": false, "a/b": false,
		"a/b?x#1": false, "a/b#9999999999999999999": false, "": false,
	} {
		for name, kind := range map[string]bool{webhooks.PullRequestMerged: true, "issue.labeled": true, "checkout.paid": false, "issue": false, "issues.closed": false} {
			about := thingOf(scoring.Event{Name: name, Key: key})
			require.Equal(t, want && kind, !about.isZero(), "%s of %q", name, key)
		}
	}
}
