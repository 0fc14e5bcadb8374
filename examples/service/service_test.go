package service_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/service"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

func TestThumbsByMessageAndByToken(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	key := []byte("0123456789abcdef0123456789abcdef")
	cfg := b.Config()
	cfg.TokenKey = key
	b.UserWorker(cfg, func(w worker.Worker) {
		w.RegisterWorkflow(service.Answer)
		w.RegisterActivity(service.Look)
	})
	v := verdict.NewClient(b.Client, verdict.ClientOptions{StoreTaskQueue: b.VerdictQueue, TokenKeys: [][]byte{key}})
	server := httptest.NewServer(service.Handler(b.Client, v, b.Queue))
	t.Cleanup(server.Close)
	post := func(path string, in, out any) int {
		t.Helper()
		body, err := json.Marshal(in)
		require.NoError(t, err)
		res, err := server.Client().Post(server.URL+path, "application/json", bytes.NewReader(body))
		require.NoError(t, err)
		defer res.Body.Close()
		if out != nil {
			require.NoError(t, json.NewDecoder(res.Body).Decode(out))
		}
		return res.StatusCode
	}

	var reply service.Reply
	require.Equal(t, http.StatusOK, post("/questions", service.Question{Text: "When are you open?"}, &reply))
	require.Equal(t, "We are open from nine to five.", reply.Answer)
	require.NotContains(t, reply.Token, reply.MessageID)

	require.Equal(t, http.StatusNoContent, post("/feedback", service.Feedback{MessageID: reply.MessageID, Reader: "ann", Up: true}, nil))
	require.Equal(t, http.StatusNoContent, post("/feedback", service.Feedback{Token: reply.Token, Reader: "bob", Up: false}, nil))
	require.Equal(t, http.StatusBadRequest, post("/feedback", service.Feedback{Token: reply.Token + "x", Reader: "eve", Up: false}, nil))
	require.Equal(t, http.StatusBadRequest, post("/feedback", service.Feedback{Reader: "eve"}, nil), "about nothing")

	run := b.Client.GetWorkflow(t.Context(), reply.MessageID, "")
	require.Len(t, b.Scores(run, 2), 2)
	scores, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: reply.MessageID}})
	require.NoError(t, err)
	thumbs := map[string]string{}
	require.NotEmpty(t, scores)
	for _, s := range scores {
		require.Equal(t, "thumbs_up", s.Name)
		require.Equal(t, scoring.FromClient, s.Source)
		thumbs[s.Key] = s.Value.String()
	}
	require.Equal(t, map[string]string{"reader/ann": "true", "reader/bob": "false"}, thumbs)
}
