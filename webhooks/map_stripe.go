package webhooks

import (
	"encoding/json"

	"github.com/verdict-dev/verdict/scoring"
)

// The names of the outcomes of [Checkouts].
const (
	CheckoutPaid    = "checkout.paid"
	CheckoutFailed  = "checkout.failed"
	CheckoutExpired = "checkout.expired"
)

// WorkflowMetadata is the key of a Checkout Session's metadata that names the workflow.
const WorkflowMetadata = "temporal_workflow_id"

// Checkouts is the mapping for Stripe's Checkout Sessions. The key is the session's metadata [WorkflowMetadata], else its
// client_reference_id, else its id.
//
//	checkout.session.completed, nothing left to pay     checkout.paid     true
//	checkout.session.completed, payment_status unpaid   not for us: a delayed payment is still to succeed or fail
//	checkout.session.async_payment_succeeded            checkout.paid     true
//	checkout.session.async_payment_failed               checkout.failed   false
//	checkout.session.expired                            checkout.expired  false
//
// Nothing is left to pay when payment_status is "paid", or "no_payment_required" in a session that is more than the setup
// of a payment method. The payload is an object with session, payment_status, amount_total (in the currency's smallest
// unit) and currency.
func Checkouts(d Delivery) ([]scoring.Outcome, error) {
	name, paid := "", false
	switch d.Type {
	case "checkout.session.completed", "checkout.session.async_payment_succeeded":
		name, paid = CheckoutPaid, true
	case "checkout.session.async_payment_failed":
		name = CheckoutFailed
	case "checkout.session.expired":
		name = CheckoutExpired
	default:
		return nil, nil
	}
	var e struct {
		Data struct {
			Object struct {
				ID                string            `json:"id"`
				ClientReferenceID string            `json:"client_reference_id"`
				PaymentStatus     string            `json:"payment_status"`
				Mode              string            `json:"mode"`
				AmountTotal       *json.Number      `json:"amount_total"`
				Currency          string            `json:"currency"`
				Metadata          map[string]string `json:"metadata"`
			} `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return nil, scoring.Invalid("body", "%s", clip(err.Error(), 200))
	}
	s := e.Data.Object
	if d.Type == "checkout.session.completed" {
		switch {
		case s.PaymentStatus == "paid", s.PaymentStatus == "no_payment_required" && s.Mode != "setup":
		case s.PaymentStatus == "unpaid", s.PaymentStatus == "no_payment_required":
			return nil, nil
		default:
			return nil, scoring.Invalid("payment_status", "%.40q is none that Stripe documents", s.PaymentStatus)
		}
	}
	payload, err := json.Marshal(struct {
		Session       string       `json:"session"`
		PaymentStatus string       `json:"payment_status,omitempty"`
		AmountTotal   *json.Number `json:"amount_total,omitempty"`
		Currency      string       `json:"currency,omitempty"`
	}{s.ID, s.PaymentStatus, s.AmountTotal, s.Currency})
	return []scoring.Outcome{{
		Name:    name,
		Key:     first(s.Metadata[WorkflowMetadata], s.ClientReferenceID, s.ID),
		Value:   scoring.BoolValue(paid),
		Payload: payload,
	}}, err
}
