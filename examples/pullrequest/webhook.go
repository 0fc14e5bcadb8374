package pullrequest

import (
	"net/http"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/webhooks"
)

// Receiver is the HTTP handler that GitHub delivers to. It knows no run and no scorer: every scorer that waits for the
// pull request gets the outcome.
func Receiver(v *verdict.Client, secret string) (http.Handler, error) {
	hook, err := webhooks.New(webhooks.GitHub{Secrets: []string{secret}}, webhooks.Options{
		Mapping: webhooks.PullRequests,
		Sink:    v,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/github", hook)
	return mux, nil
}
