package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
)

var mergedOnGitHub = verdict.NewScorer("accepted", "1", func(ctx workflow.Context, key string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On(webhooks.PullRequestMerged, key).Means(true), verdict.Within(time.Hour), verdict.ExpiresFalse)
	return got.Score(), err
})

// GitHub takes Acme/Shop and acme/shop for one repository, and so do scorers, whoever writes it in which way.
func TestRepositoriesIgnoreCase(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	b.UserWorker(b.Config(mergedOnGitHub), func(w worker.Worker) {
		w.RegisterWorkflowWithOptions(func(ctx workflow.Context, key string) error {
			verdict.Defer(ctx, mergedOnGitHub, key)
			return nil
		}, workflow.RegisterOptions{Name: "proposes"})
	})
	h, err := webhooks.New(webhooks.GitHub{Secrets: []string{"s"}}, webhooks.Options{Mapping: webhooks.PullRequests, Sink: b.Verdict})
	require.NoError(t, err)
	repository := "Acme/" + b.Queue
	deliver := func(repository string, number int) {
		body := fmt.Sprintf(`{"action":"closed","pull_request":{"number":%d,"merged":true,"merged_at":%q},"repository":{"full_name":%q}}`,
			number, time.Now().UTC().Format(time.RFC3339Nano), repository)
		mac := hmac.New(sha256.New, []byte("s"))
		mac.Write([]byte(body))
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header = http.Header{"X-Github-Event": {"pull_request"}, "X-Github-Delivery": {fmt.Sprint(b.Queue, number)},
			"X-Hub-Signature-256": {"sha256=" + hex.EncodeToString(mac.Sum(nil))}, "Content-Type": {"application/json"}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, 200, w.Code, w.Body.String())
	}
	deliver(strings.ToLower(repository), 1) // before anybody waits
	early := b.Start("proposes", repository+"#1")
	require.Equal(t, []string{"accepted=true"}, b.Scores(early, 1))

	first, second := b.Start("proposes", repository+"#2"), b.Start("proposes", strings.ToLower(repository)+"#2")
	b.Waiting(repository+"#2", 1)
	b.Waiting(strings.ToLower(repository)+"#2", 1)
	deliver(strings.ToUpper(repository), 2)
	require.Equal(t, []string{"accepted=true"}, b.Scores(first, 1))
	require.Equal(t, []string{"accepted=true"}, b.Scores(second, 1))
	ledger, err := b.Store.Ledger(t.Context(), store.LedgerFilter{})
	require.NoError(t, err)
	require.Len(t, ledger, 2)
	for _, e := range ledger {
		require.Equal(t, store.Matched, e.State)
		require.Equal(t, 1, e.Deliveries)
	}
}
