// Package checkout compares two texts on a payment page by the share of customers who pay.
package checkout

import (
	"cmp"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/webhooks"
)

// TaskQueue is where the worker polls.
const TaskQueue = "checkout"

// Day is how long a payment page is open.
const Day = 24 * time.Hour

var texts = map[string]string{"plain": "Pay now", "safe": "Pay safely in one minute"}

// Texts is the experiment: which text makes more customers pay? A customer always sees the same one.
var Texts = experiments.MustNew(experiments.Definition{
	Name: "checkout_text", Version: "1", Unit: "customer", Control: "plain",
	Variants: []experiments.Variant{{Name: "plain"}, {Name: "safe"}},
	Primary:  experiments.Metric{Name: "paid", Type: experiments.Boolean, Missing: experiments.MissingNegative},
	Maturity: Day + time.Hour,
})

// Cart has the goods that a customer wants to buy.
type Cart struct {
	Customer string        `json:"customer"`
	Price    string        `json:"price"`          // a Stripe price
	Open     time.Duration `json:"open,omitempty"` // how long the page is open; a day if 0
}

// Page is an open payment page.
type Page struct {
	Run  string        `json:"run"` // the workflow id, which Stripe's outcomes have as their key
	Open time.Duration `json:"open"`
}

// Paid is the deferred scorer: did the customer pay before the page closed?
var Paid = verdict.NewOutcomeScorer("paid", "1", func(p Page) verdict.Wait {
	return verdict.Wait{
		For: verdict.AnyOf(
			verdict.On(webhooks.CheckoutPaid, p.Run).Means(true),
			verdict.On(webhooks.CheckoutFailed, p.Run).Means(false),
			verdict.On(webhooks.CheckoutExpired, p.Run).Means(false)),
		Window: verdict.Within(p.Open),
		End:    verdict.ExpiresFalse,
		// How late Stripe may tell us what happened in time.
		Allowance: min(p.Open, time.Minute),
	}
})

// Checkout opens a payment page and returns its address.
func Checkout(ctx workflow.Context, c Cart) (string, error) {
	pick := verdict.Experiment(ctx, Texts, c.Customer)
	text, err := verdict.Of(pick, texts)
	if err != nil {
		return "", err
	}
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	var url string
	if err := workflow.ExecuteActivity(ctx, (*Activities).Open, c.Price, text).Get(ctx, &url); err != nil {
		return "", err
	}
	verdict.Defer(ctx, Paid, Page{workflow.GetInfo(ctx).WorkflowExecution.ID, cmp.Or(c.Open, Day)})
	return url, nil
}
