// Package crosscheck holds the receivers to the libraries of the vendors and of the standards. It is a module of its own, so
// that those are not among the modules of whoever imports Verdict.
package crosscheck_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/verdict-dev/verdict/webhooks"
)

func mac(secret, content string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(content))
	return hex.EncodeToString(h.Sum(nil))
}

func githubSigned(secret, event, body string) http.Header {
	h := http.Header{"Content-Type": {"application/json"}}
	h.Set("X-GitHub-Event", event)
	h.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	h.Set("X-Hub-Signature-256", "sha256="+mac(secret, body))
	return h
}

func slackSigned(secret string, at time.Time, body string) http.Header {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return http.Header{
		"X-Slack-Request-Timestamp": {stamp},
		"X-Slack-Signature":         {"v0=" + mac(secret, "v0:"+stamp+":"+body)},
	}
}
func cloudEvents(t *testing.T) webhooks.Verifier {
	t.Helper()
	v, err := webhooks.CloudEvents{Tokens: []string{"token"}}.Verifier()
	require.NoError(t, err)
	return v
}
