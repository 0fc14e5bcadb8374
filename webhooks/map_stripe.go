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

// The names of the outcomes of [Refunds].
const (
	ChargeRefunded       = "charge.refunded"
	ChargePartlyRefunded = "charge.partially_refunded"
)

// WorkflowMetadata is the key of a Checkout Session's, or charge's, metadata that names the workflow.
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
// Nothing is left to pay when payment_status is "paid", or "no_payment_required" in a session that is more than the
// setup of a payment method. The payload is an object with session, payment_status, amount_total (in the currency's
// smallest unit), currency and payment_intent. Events of Stripe's test mode are ignored, unless [Stripe] has TestMode
// set.
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
	s, live, err := stripeObject[struct {
		ID                string            `json:"id"`
		ClientReferenceID string            `json:"client_reference_id"`
		PaymentStatus     string            `json:"payment_status"`
		PaymentIntent     stripeID          `json:"payment_intent"`
		Mode              string            `json:"mode"`
		AmountTotal       *json.Number      `json:"amount_total"`
		Currency          string            `json:"currency"`
		Metadata          map[string]string `json:"metadata"`
	}](d)
	if err != nil || !live {
		return nil, err
	}
	if d.Type == "checkout.session.completed" {
		switch {
		case s.PaymentStatus == "paid", s.PaymentStatus == "no_payment_required" && s.Mode != "setup":
		case s.PaymentStatus == "unpaid", s.PaymentStatus == "no_payment_required":
			return nil, nil
		default:
			return nil, scoring.Invalid("payment_status", "Stripe does not document %.40q", s.PaymentStatus)
		}
	}
	payload, err := json.Marshal(struct {
		Session       string       `json:"session"`
		PaymentStatus string       `json:"payment_status,omitempty"`
		AmountTotal   *json.Number `json:"amount_total,omitempty"`
		Currency      string       `json:"currency,omitempty"`
		PaymentIntent stripeID     `json:"payment_intent,omitempty"`
	}{s.ID, s.PaymentStatus, s.AmountTotal, s.Currency, s.PaymentIntent})
	return []scoring.Outcome{{
		Name:    name,
		Key:     first(s.Metadata[WorkflowMetadata], s.ClientReferenceID, s.ID),
		Value:   scoring.BoolValue(paid),
		Payload: payload,
	}}, err
}

// Refunds is the mapping for Stripe's charge.refunded events. The key is the charge's metadata [WorkflowMetadata], else
// its payment_intent, else its id: a charge knows neither its session nor the client_reference_id, so give the metadata
// to the session's payment_intent_data as well.
//
//	charge.refunded, all of it      charge.refunded            false: it is not paid any more
//	charge.refunded, a part of it   charge.partially_refunded  no value: the scorer decides what it means
//
// The payload is an object with charge, payment_intent, amount and amount_refunded (in the currency's smallest unit)
// and currency. Events of Stripe's test mode are ignored, unless [Stripe] has TestMode set.
func Refunds(d Delivery) ([]scoring.Outcome, error) {
	if d.Type != "charge.refunded" {
		return nil, nil
	}
	c, live, err := stripeObject[struct {
		ID             string            `json:"id"`
		PaymentIntent  stripeID          `json:"payment_intent"`
		Refunded       *bool             `json:"refunded"`
		Amount         *json.Number      `json:"amount"`
		AmountRefunded *json.Number      `json:"amount_refunded"`
		Currency       string            `json:"currency"`
		Metadata       map[string]string `json:"metadata"`
	}](d)
	if err != nil || !live {
		return nil, err
	}
	if c.Refunded == nil {
		return nil, scoring.Invalid("body", "does not say whether all of the charge was refunded")
	}
	o := scoring.Outcome{Name: ChargePartlyRefunded, Key: first(c.Metadata[WorkflowMetadata], string(c.PaymentIntent), c.ID)}
	if *c.Refunded {
		o.Name, o.Value = ChargeRefunded, scoring.BoolValue(false)
	}
	o.Payload, err = json.Marshal(struct {
		Charge         string       `json:"charge"`
		PaymentIntent  stripeID     `json:"payment_intent,omitempty"`
		Amount         *json.Number `json:"amount,omitempty"`
		AmountRefunded *json.Number `json:"amount_refunded,omitempty"`
		Currency       string       `json:"currency,omitempty"`
	}{c.ID, c.PaymentIntent, c.Amount, c.AmountRefunded, c.Currency})
	return []scoring.Outcome{o}, err
}

// stripeObject reads the object of an event, and tells whether the event counts: one of the test mode counts only with
// TestMode.
func stripeObject[T any](d Delivery) (object T, live bool, err error) {
	var e struct {
		LiveMode *bool `json:"livemode"`
		Data     struct {
			Object T `json:"object"`
		} `json:"data"`
	}
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return object, false, scoring.Invalid("body", "%s", clip(err.Error(), 200))
	}
	return e.Data.Object, d.Test || e.LiveMode == nil || *e.LiveMode, nil
}

// stripeID is the id of an object that Stripe gives as its id or, where it was asked to, as the object itself.
type stripeID string

// UnmarshalJSON reads a text, null, or an object with an id.
func (s *stripeID) UnmarshalJSON(data []byte) error {
	var expanded struct {
		ID string `json:"id"`
	}
	err := json.Unmarshal(data, &expanded.ID)
	if isObject(data) {
		err = json.Unmarshal(data, &expanded)
	}
	*s = stripeID(expanded.ID)
	return err
}
