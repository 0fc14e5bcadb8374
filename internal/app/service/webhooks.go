package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/time/rate"

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
	_, err := w.handlers(delivery{}, func(context.Context, string, string, string) {}, nil)
	return err
}

// handlers returns a handler for each sender that has a secret, by its path.
func (w Webhooks) handlers(sink webhooks.Sink, rejected func(context.Context, string, string, string), log *slog.Logger) (map[string]http.Handler, error) {
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
		h, err := webhooks.New(e.scheme, webhooks.Options{Mapping: e.mapping, Sink: sink, Rejected: rejected, Logger: log})
		if err != nil {
			errs = append(errs, fmt.Errorf("webhooks of %s: %w", e.name, err))
			continue
		}
		all["/webhooks/"+e.name] = h
	}
	return all, errors.Join(errs...)
}

// Anybody can make a request that is refused, so the ledger takes this many refusals and no more. Each is in the log.
const (
	rejectionsPerSecond = 20
	rejectionsBurst     = 500
)

// newRejections returns a function that keeps refused deliveries in the ledger, best effort.
func newRejections(s store.Correlator, log *slog.Logger) func(ctx context.Context, source, deliveryID, reason string) {
	limit := rate.NewLimiter(rejectionsPerSecond, rejectionsBurst)
	return func(ctx context.Context, source, deliveryID, reason string) {
		if !limit.Allow() {
			log.Warn("a refused delivery is not in the ledger: there are too many", "source", source, "delivery", deliveryID, "reason", reason)
			return
		}
		err := s.Reject(ctx, store.Rejection{Source: source, DeliveryID: deliveryID, Reason: reason, At: time.Now().UTC()})
		if err != nil {
			log.Warn("a refused delivery is not in the ledger", "source", source, "delivery", deliveryID, "error", err)
		}
	}
}
