package checkout

import (
	"net/http"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/webhooks"
)

// Receiver is the HTTP handler that Stripe delivers to.
func Receiver(v *verdict.Client, secret string) (http.Handler, error) {
	return webhooks.New(webhooks.Stripe{Secrets: []string{secret}}, webhooks.Options{Mapping: webhooks.Checkouts, Sink: v})
}
