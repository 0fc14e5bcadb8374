package pullrequest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/examples/pullrequest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

const secret = "the webhook's secret"

// github answers as GitHub's API does when a pull request is opened.
func github(t *testing.T) *httptest.Server {
	var opened atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Title, Head, Base string }
		if r.Method != http.MethodPost || r.URL.Path != "/repos/octo/hello/pulls" || r.Header.Get("Authorization") != "Bearer token" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if json.NewDecoder(r.Body).Decode(&in) != nil || in.Head == "" || in.Base == "" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"number":%d,"state":"open"}`, opened.Add(1))
	}))
	t.Cleanup(server.Close)
	return server
}

func bench(t *testing.T) (b *harness.Bench, receiver string) {
	b = harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(pullrequest.Accepted), func(w worker.Worker) {
		w.RegisterWorkflow(pullrequest.Propose)
		w.RegisterActivity(&pullrequest.Activities{API: github(t).URL, Token: "token"})
	})
	h, err := pullrequest.Receiver(b.Verdict, secret)
	require.NoError(t, err)
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return b, server.URL + "/webhooks/github"
}

// deliver sends what GitHub sends about a pull request that is closed, merged or reopened, signed, and returns the answer's status.
func deliver(t *testing.T, url, id, signedWith string, number int, what string, ago time.Duration) int {
	t.Helper()
	action, at := "closed", time.Now().UTC().Add(-ago).Format(time.RFC3339)
	if what == "reopened" {
		action = what
	}
	body := fmt.Sprintf(`{"action":%q,"repository":{"full_name":"octo/hello"},
		"pull_request":{"number":%d,"merged":%t,"merge_commit_sha":"0123abcd","closed_at":%q,"updated_at":%q}}`,
		action, number, what == "merged", at, at)
	mac := hmac.New(sha256.New, []byte(signedWith))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "pull_request")
	r.Header.Set("X-GitHub-Delivery", id)
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func propose(t *testing.T, b *harness.Bench) (client.WorkflowRun, int) {
	t.Helper()
	run := b.Start(pullrequest.Propose, pullrequest.Change{Repository: "octo/hello", Branch: "agent/fix", Base: "main", Title: "Fix it"})
	var pr pullrequest.PullRequest
	require.NoError(t, run.Get(t.Context(), &pr))
	return run, pr.Number
}

func TestMergedAndReopened(t *testing.T) {
	t.Parallel()
	b, receiver := bench(t)
	merged, first := propose(t, b)
	reopened, second := propose(t, b)
	closed, third := propose(t, b)

	// All runs have ended; their scores are pending, with a window of 14 days.
	for number := range 3 {
		b.Waiting(fmt.Sprintf("octo/hello#%d", number+1), 1)
	}
	waiting, err := b.Store.Waiting(t.Context(), time.Now().Add(time.Hour))
	require.NoError(t, err)
	require.NotEmpty(t, waiting)
	for _, e := range waiting {
		require.WithinDuration(t, time.Now().Add(pullrequest.Patience), e.Window.Until, time.Minute)
	}

	id := uuid.NewString()
	require.Equal(t, http.StatusUnauthorized, deliver(t, receiver, uuid.NewString(), "somebody else's secret", first, "closed", 0))
	require.Equal(t, http.StatusOK, deliver(t, receiver, id, secret, first, "merged", 0))
	require.Equal(t, http.StatusOK, deliver(t, receiver, id, secret, first, "merged", 0), "delivered again")
	for ago, what := range []string{"merged", "reopened", "closed"} { // in any order
		require.Equal(t, http.StatusOK, deliver(t, receiver, uuid.NewString(), secret, second, what, time.Duration(ago)*10*time.Second))
	}
	require.Equal(t, http.StatusOK, deliver(t, receiver, uuid.NewString(), secret, third, "closed", 0))

	require.Equal(t, []string{"accepted=true"}, b.Scores(merged, 1))
	require.Equal(t, []string{"accepted=true"}, b.Scores(reopened, 1))
	undecided, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: closed.GetID(), RunID: closed.GetRunID()}})
	require.NoError(t, err)
	require.Len(t, undecided, 1)
	require.Equal(t, scoring.Pending, undecided[0].State, "it may be reopened for an hour")
	history, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: merged.GetID(), RunID: merged.GetRunID()}, Name: "accepted", History: true})
	require.NoError(t, err)
	require.Len(t, history, 2, "pending, then the score")
	require.Equal(t, scoring.FromScorer, history[1].Source)
	require.Equal(t, "accepted@1", history[1].Key)
}
