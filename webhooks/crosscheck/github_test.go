package crosscheck_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v84/github"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/webhooks"
)

func TestCrossCheckGitHub(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key, body := secret(t), rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		v, err := webhooks.GitHub{Secrets: []string{key}}.Verifier()
		require.NoError(t, err)
		h := githubSigned(key, "push", string(body))
		body = damage(t, body, h, "X-Hub-Signature-256")

		ours := v.Verify(webhooks.Request{Header: h, Body: body, At: time.Now()})
		r, err := http.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		require.NoError(t, err)
		r.Header = h
		_, theirs := github.ValidatePayload(r, []byte(key))
		require.Equal(t, theirs == nil, ours == nil, "ours %v, theirs %v", ours, theirs)
	})
}
