package checkout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/checkout"
	"github.com/verdict-dev/verdict/verdicttest"
	"github.com/verdict-dev/verdict/webhooks"
)

// Each text by itself: a test says which variant it is about.
func TestEachText(t *testing.T) {
	t.Parallel()
	for variant, text := range map[string]string{"plain": "Pay now", "safe": "Pay safely in one minute"} {
		env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{checkout.Paid}})
		env.Force(checkout.Texts, variant)
		stripe := &checkout.Activities{}
		env.RegisterActivity(stripe)
		env.OnActivity(stripe.Open, mock.Anything, "price_1", text).Return("https://pay.example/1", nil).Once()
		env.SetStartWorkflowOptions(client.StartWorkflowOptions{ID: "cart-1"})
		env.ExecuteWorkflow(checkout.Checkout, checkout.Cart{Customer: "ann", Price: "price_1"})
		require.NoError(t, env.GetWorkflowError())
		env.RequireAssigned(checkout.Texts, variant)
		env.RequireDeferred("paid", checkout.Page{Run: "cart-1", Open: checkout.Day})
		env.AssertExpectations(t)
	}
}

// The scorer by itself, over its day.
func TestPaid(t *testing.T) {
	t.Parallel()
	deliver := func(name string) *verdicttest.Scorer {
		s := verdicttest.NewScorer(t, checkout.Paid, checkout.Page{Run: "cart-1", Open: checkout.Day})
		s.Deliver(23*time.Hour, verdict.Outcome{Name: name, Key: "cart-1"})
		return s
	}
	deliver(webhooks.CheckoutPaid).RequireScore("paid", true)
	deliver(webhooks.CheckoutFailed).RequireScore("paid", false)
	deliver("another event").RequireScore("paid", false) // the page closed
}
