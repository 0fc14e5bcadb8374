package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

// outcomeResult is an outcome that was delivered.
type outcomeResult struct {
	scoring.Outcome
	// Repeated tells that one of the same id was delivered before.
	Repeated bool `json:"repeated,omitempty"`
}

// outcomeCommand is `starter outcome`.
func (s *starter) outcomeCommand() *cobra.Command {
	o := scoring.Outcome{Source: "cli"}
	return s.command(&cobra.Command{
		Use:   "outcome --name NAME --key KEY",
		Short: "Deliver an outcome to the scorers that wait for it",
		Example: `  starter outcome --name pull_request.merged --key octo/hello#12 --value true
  starter outcome --name checkout.paid --key order-7 --value 49.90 --id evt_1 --payload '{"currency":"eur"}'`,
	}, settings{
		{flag: "name", kind: "string", usage: "what happened", read: nonEmpty(&o.Name)},
		{flag: "key", kind: "string", usage: "the thing that it happened to", read: nonEmpty(&o.Key)},
		{flag: "id", kind: "string", usage: "id of the event; a repeated id changes nothing (default: a new id)", read: textOf(&o.ID)},
		{flag: "value", kind: "true|false|number", usage: "value of the outcome; none when left out", read: valueOf(&o.Value)},
		{flag: "payload", kind: "JSON", usage: "payload for a scorer's predicate", read: jsonOf(&o.Payload)},
		{flag: "observed-at", kind: "time", usage: "when it happened, as RFC 3339 has it (default now)", read: timeOf(&o.ObservedAt)},
	}, func(ctx context.Context, _ []string) error {
		if o.ID == "" {
			o.ID = uuid.NewString()
		}
		if err := o.Validate(); err != nil {
			return usageError{err}
		}
		c, done, err := s.verdict(ctx, nil)
		if err != nil {
			return err
		}
		defer done()
		receipt, err := c.DeliverReceipt(ctx, o)
		if err != nil {
			return err
		}
		result := outcomeResult{o, receipt.Repeated}
		if receipt.Repeated {
			return s.printLine(result, "repeated: an outcome with the id %s was delivered before; this one is counted and changes nothing", o.ID)
		}
		return s.printLine(result, "delivered %s of %s with the id %s", o.Name, o.Key, o.ID)
	})
}

// valueOf takes true, false, a number, or nothing.
func valueOf(to *scoring.Value) func(string) error {
	return func(t string) error {
		*to = scoring.Value{}
		if t == "" {
			return nil
		}
		if t == "true" || t == "false" {
			*to = scoring.BoolValue(t == "true")
			return nil
		}
		if !json.Valid([]byte(t)) {
			return errors.New("must be true, false or a number")
		}
		f, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return errors.New("must be true, false or a number")
		}
		if strictjson.Rounded([]byte(t)) {
			return fmt.Errorf("is an integer beyond 2^53 that would be rounded to %.0f", f)
		}
		*to, err = scoring.NumberValue(f)
		return err
	}
}

// timeOf takes a time as RFC 3339 has it, or nothing.
func timeOf(to *time.Time) func(string) error {
	return func(t string) (err error) {
		*to = time.Time{}
		if t == "" {
			return nil
		}
		if *to, err = scoring.ParseTime("time", t); err != nil {
			return errors.New("must be a time such as 2026-01-31T12:00:00Z")
		}
		return nil
	}
}
