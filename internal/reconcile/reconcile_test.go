package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

const (
	mergedPR = `{"number":1,"state":"closed","merged":true,"merged_at":"2026-03-02T00:00:00Z","closed_at":"2026-03-02T00:00:01Z",
		"merged_by":{"login":"ann"},"html_url":"https://github.com/octo/hello/pull/1"}`
	// GitHub tried out a merge, as it always does: merge_commit_sha says nothing.
	closedPR    = `{"number":2,"state":"closed","merged":false,"merged_at":null,"merge_commit_sha":"0123abcd","closed_at":"2026-03-03T00:00:00Z"}`
	openPR      = `{"number":3,"state":"open","merged":false,"closed_at":null}`
	closedIssue = `{"number":4,"state":"closed","state_reason":"not_planned","closed_at":"2026-03-04T00:00:00Z","closed_by":{"login":"bob"}}`
	openIssue   = `{"number":5,"state":"open","state_reason":"reopened","closed_at":null,"updated_at":"2026-03-06T09:00:00Z"}`
)

// summary says what came of each item.
func summary(items []*Item) []string {
	var all []string
	for _, i := range items {
		all = append(all, fmt.Sprintf("%s %s %s", i.Result, i.Key, i.Detail))
	}
	return all
}

func TestWhatIsLearnedIsDelivered(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/pulls/1", ok(mergedPR))
	f.answer("/repos/octo/hello/pulls/2", ok(closedPR))
	f.answer("/repos/octo/hello/pulls/3", ok(openPR))
	f.answer("/repos/octo/hello/issues/4", ok(closedIssue))
	f.answer("/repos/octo/hello/issues/5", ok(openIssue))
	f.answer("/repos/octo/hello/issues/5/events?per_page=100&page=1", ok(`[
		{"event":"labeled","created_at":"2026-03-01T13:00:00Z"},
		{"event":"closed","created_at":"2026-03-02T00:00:00Z","actor":{"login":"bob"}},
		{"event":"reopened","created_at":"2026-03-05T00:00:00Z","actor":{"login":"cyd"}}]`))
	decided := []string{webhooks.PullRequestMerged, webhooks.PullRequestClosed}
	waiting := []scoring.Expectation{
		expectation("s1", "octo/hello#1", decided...),
		expectation("s2", "octo/hello#2", decided...),
		expectation("s3", "octo/hello#3", decided...),
		expectation("s4", "octo/hello#4", webhooks.IssueClosed),
		expectation("s5", "octo/hello#5", webhooks.IssueReopened),
		expectation("s6", "octo/hello#6", decided...),
		expectation("s7", "order-7", "checkout.paid"),
		expectation("s8", "octo/hello#1", webhooks.PullRequestMerged),
	}
	var b book
	items, err := Run(t.Context(), waiting, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, []string{
		"delivered octo/hello#1 merged", "delivered octo/hello#2 closed", "open octo/hello#3 open",
		"delivered octo/hello#4 closed", "delivered octo/hello#5 open",
		"gone octo/hello#6 deleted, or hidden from this token", "no_provider order-7 ",
	}, summary(items))
	require.Equal(t, []string{"s1", "s8"}, items[0].Scorers, "one question, however many wait")
	require.Equal(t, decided, items[0].Events)
	require.Len(t, f.requests(), 7)
	require.NotEmpty(t, f.tokens)
	for _, token := range f.tokens {
		require.Equal(t, "Bearer token", token)
	}

	at := func(day int) time.Time { return time.Date(2026, 3, day, 0, 0, 0, 0, time.UTC) }
	require.Equal(t, []string{
		"reconcile:github:octo/hello#1:merged", "reconcile:github:octo/hello#2:closed@2026-03-03T00:00:00Z",
		"reconcile:github:octo/hello#4:closed@2026-03-04T00:00:00Z", "reconcile:github:octo/hello#5:reopened@2026-03-05T00:00:00Z",
	}, slices.Sorted(maps.Keys(b.outcomes)))
	for id, want := range map[string]scoring.Outcome{
		"reconcile:github:octo/hello#1:merged": {
			Name: webhooks.PullRequestMerged, Key: "octo/hello#1", Value: scoring.BoolValue(true), ObservedAt: at(2),
			Payload: []byte(`{"action":"closed","url":"https://github.com/octo/hello/pull/1","sender":"ann"}`),
		},
		"reconcile:github:octo/hello#2:closed@2026-03-03T00:00:00Z": {
			Name: webhooks.PullRequestClosed, Key: "octo/hello#2", Value: scoring.BoolValue(false), ObservedAt: at(3), Payload: []byte(`{"action":"closed"}`),
		},
		"reconcile:github:octo/hello#4:closed@2026-03-04T00:00:00Z": {
			Name: webhooks.IssueClosed, Key: "octo/hello#4", Value: scoring.BoolValue(true), ObservedAt: at(4),
			Payload: []byte(`{"action":"closed","sender":"bob","state_reason":"not_planned"}`),
		},
		"reconcile:github:octo/hello#5:reopened@2026-03-05T00:00:00Z": {
			Name: webhooks.IssueReopened, Key: "octo/hello#5", Value: scoring.BoolValue(false), ObservedAt: at(5),
			Payload: []byte(`{"action":"reopened","sender":"cyd"}`),
		},
	} {
		want.ID, want.Source = id, "reconcile"
		require.Equal(t, want, b.outcomes[id])
	}

	// Again: the same questions, and nothing new.
	items, err = Run(t.Context(), waiting, b.options(f.GitHub))
	require.NoError(t, err)
	for _, i := range []int{0, 1, 3, 4} {
		require.Equal(t, Held, items[i].Result, items[i].Key)
		require.Empty(t, items[i].Outcomes)
	}
	require.Len(t, b.outcomes, 4)
}

// What a webhook has told is not told again under another id: a scorer that counts would count it twice.
func TestWhatIsThereIsNotDelivered(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/issues/5", ok(openIssue))
	f.answer("/repos/octo/hello/issues/5/events?per_page=100&page=1", ok(`[{"event":"reopened","created_at":"2026-03-05T00:00:00Z"},
		{"event":"reopened","created_at":"2026-03-05T08:00:00Z"},{"event":"reopened","created_at":"2026-03-05T16:00:00Z"}]`))
	told := func(id string, hour int) scoring.Outcome { // three seconds after the event, as the time of the last change may be
		at := time.Date(2026, 3, 5, hour, 0, 3, 0, time.UTC)
		return scoring.Outcome{ID: id, Name: webhooks.IssueReopened, Key: "octo/hello#5", ObservedAt: at}
	}
	b := book{outcomes: map[string]scoring.Outcome{"first": told("first", 0), "third": told("third", 16)}}
	items, err := Run(t.Context(), []scoring.Expectation{expectation("s", "octo/hello#5", webhooks.IssueReopened)}, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, Delivered, items[0].Result)
	require.Equal(t, []string{"first", "reconcile:github:octo/hello#5:reopened@2026-03-05T08:00:00Z", "third"}, slices.Sorted(maps.Keys(b.outcomes)))
}

// GitHub ignores case: however the scorers write a key, it is asked about once, and its event is one outcome.
func TestOneThingInTwoSpellings(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/Octo/Hello/pulls/1", ok(mergedPR))
	waiting := []scoring.Expectation{
		expectation("s1", "Octo/Hello#1", webhooks.PullRequestMerged), expectation("s2", "octo/hello#1", webhooks.PullRequestMerged),
	}
	var b book
	items, err := Run(t.Context(), waiting, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, []string{"delivered Octo/Hello#1 merged"}, summary(items))
	require.Equal(t, []string{"s1", "s2"}, items[0].Scorers)
	require.Equal(t, []string{"reconcile:github:Octo/Hello#1:merged"}, slices.Sorted(maps.Keys(b.outcomes)))
	f.answer("/repos/octo/hello/pulls/1", ok(mergedPR))
	items, err = Run(t.Context(), waiting[1:], b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, []string{"held octo/hello#1 merged"}, summary(items), "the other one has settled")
	require.Len(t, b.outcomes, 1)
}

// What happened outside every window, or is not waited for, would only fill the ledger.
func TestWhatMeetsNobodyIsNotDelivered(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/pulls/1", ok(mergedPR))
	f.answer("/repos/octo/hello/pulls/2", ok(closedPR))
	e := expectation("s1", "octo/hello#1", webhooks.PullRequestMerged)
	end := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // the very time of the merge: outside
	e.Window.Until, e.Window.Grace = end, 0
	early := expectation("s3", "octo/hello#1", webhooks.PullRequestMerged)
	early.Window.Since = end.Add(time.Second)
	var b book
	waiting := []scoring.Expectation{e, expectation("s2", "octo/hello#2", webhooks.PullRequestMerged), early}
	items, err := Run(t.Context(), waiting, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, []string{"outside octo/hello#1 merged", "open octo/hello#2 closed"}, summary(items))
	require.Empty(t, b.outcomes)

	e.Window.Grace = time.Minute
	items, err = Run(t.Context(), []scoring.Expectation{e}, b.options(f.GitHub))
	require.NoError(t, err)
	require.Equal(t, []string{"delivered octo/hello#1 merged"}, summary(items), "a grace admits it")
}

func TestDryRunDeliversNothing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/pulls/1", ok(mergedPR))
	var b book
	o := b.options(f.GitHub)
	o.Deliver = nil
	items, err := Run(t.Context(), []scoring.Expectation{expectation("s1", "octo/hello#1", webhooks.PullRequestMerged)}, o)
	require.NoError(t, err)
	require.Equal(t, []string{"found octo/hello#1 merged"}, summary(items))
	require.Len(t, items[0].Outcomes, 1)
}

func TestLimit(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/pulls/1", ok(mergedPR))
	var b book
	o := b.options(f.GitHub)
	o.Limit = 1
	items, err := Run(t.Context(), []scoring.Expectation{
		expectation("s0", "order-7", "checkout.paid"), expectation("s1", "octo/hello#1", webhooks.PullRequestMerged),
		expectation("s2", "octo/hello#2", webhooks.PullRequestMerged), expectation("s3", "order-8", "checkout.paid"),
	}, o)
	require.NoError(t, err)
	require.Equal(t, []string{
		"no_provider order-7 ", "delivered octo/hello#1 merged", "left octo/hello#2 over the limit", "no_provider order-8 ",
	}, summary(items), "what nobody can be asked about does not count")
}

// A delivery that fails stops everything, and is not listed as done.
func TestDeliveryFails(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer("/repos/octo/hello/pulls/1", ok(mergedPR))
	b := book{err: errors.New("Temporal is away")}
	items, err := Run(t.Context(), []scoring.Expectation{
		expectation("s1", "octo/hello#1", webhooks.PullRequestMerged), expectation("s2", "octo/hello#2", webhooks.PullRequestMerged),
	}, b.options(f.GitHub))
	require.EqualError(t, err, "stopped with 2 left to ask about: Temporal is away")
	require.Equal(t, []Result{Left, Left}, []Result{items[0].Result, items[1].Result})
	require.Empty(t, items[0].Outcomes)
}

func TestStopsWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("over"))
	var b book
	items, err := Run(ctx, []scoring.Expectation{expectation("s1", "octo/hello#1", webhooks.PullRequestMerged)}, b.options(f.GitHub))
	require.EqualError(t, err, "stopped with 1 left to ask about: over")
	require.Equal(t, Left, items[0].Result)
}
