package storeworker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/webhooks"
)

// Webhooks are the secrets of the senders that deliveries are accepted from. A sender without a secret has no endpoint.
type Webhooks struct {
	Standard, GitHub, Stripe, Slack []string
	// StripeTestMode takes events of Stripe's test mode.
	StripeTestMode bool
	// CloudEvents are bearer tokens.
	CloudEvents []string
	// HMAC signs JSON with HMAC-SHA256, in a header that the sender chose.
	HMAC                   []string
	HMACHeader, HMACPrefix string
}

// The defaults of a sender that signs in its own way.
const (
	DefaultHMACHeader = "X-Signature-256"
	DefaultHMACPrefix = "sha256="
)

// Validate returns every mistake.
func (w Webhooks) Validate() error {
	_, err := w.handlers(webhooks.Options{Sink: delivery{}})
	return err
}

// handlers returns a handler for each sender that has a secret, by its path.
func (w Webhooks) handlers(o webhooks.Options) (map[string]http.Handler, error) {
	all := map[string]http.Handler{}
	var errs []error
	for _, e := range []struct {
		name    string
		secrets []string
		scheme  webhooks.Scheme
		mapping webhooks.Mapping
	}{
		{"standard", w.Standard, webhooks.StandardWebhooks{Secrets: w.Standard}, webhooks.Scores},
		{"github", w.GitHub, webhooks.GitHub{Secrets: w.GitHub}, webhooks.Combine(webhooks.PullRequests, webhooks.Issues)},
		{"stripe", w.Stripe, webhooks.Stripe{Secrets: w.Stripe, TestMode: w.StripeTestMode}, webhooks.Combine(webhooks.Checkouts, webhooks.Refunds)},
		{"slack", w.Slack, webhooks.Slack{Secrets: w.Slack}, webhooks.Reactions},
		{"cloudevents", w.CloudEvents, webhooks.CloudEvents{Tokens: w.CloudEvents}, webhooks.Scores},
		{"hmac", w.HMAC, webhooks.HMAC{
			Secrets: w.HMAC, Header: cmp.Or(w.HMACHeader, DefaultHMACHeader), Prefix: w.HMACPrefix,
		}, webhooks.Scores},
	} {
		if len(e.secrets) == 0 {
			continue
		}
		o.Mapping = e.mapping
		h, err := webhooks.New(e.scheme, o)
		if err != nil {
			errs = append(errs, fmt.Errorf("webhooks of %s: %w", e.name, err))
			continue
		}
		all["/webhooks/"+e.name] = h
	}
	return all, errors.Join(errs...)
}

// rejections keeps refused deliveries in the ledger, best effort. The handlers tell of few, and of how many more there were.
type rejections struct {
	store store.Correlator
	log   *slog.Logger
}

// One keeps one of them.
func (r rejections) One(ctx context.Context, source, deliveryID, reason string) {
	r.keep(ctx, store.Rejection{Source: source, DeliveryID: deliveryID, Reason: reason})
}

// More keeps how many more there were within a minute.
func (r rejections) More(ctx context.Context, source, reason string, n int) {
	r.keep(ctx, store.Rejection{Source: source, Reason: reason, Count: n})
}

func (r rejections) keep(ctx context.Context, rejection store.Rejection) {
	rejection.At = time.Now().UTC()
	if err := r.store.Reject(ctx, rejection); err != nil {
		r.log.Warn("refused deliveries are not in the ledger", "source", rejection.Source, "delivery", rejection.DeliveryID,
			"number", max(1, rejection.Count), "error", err)
	}
}
