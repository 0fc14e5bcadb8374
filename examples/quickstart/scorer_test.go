package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/verdicttest"
)

func TestCheckout(t *testing.T) {
	t.Parallel()
	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{Paid}})
	env.ExecuteWorkflow(Checkout, Order{"o1", 3})
	require.NoError(t, env.GetWorkflowError())
	env.RequireScore("items", 3)
	env.RequireDeferred("paid", Order{"o1", 3})
}

func TestPaid(t *testing.T) {
	t.Parallel()
	paid := verdicttest.NewScorer(t, Paid, Order{"o1", 3})
	paid.Deliver(time.Hour, verdict.Outcome{Name: "order.paid", Key: "o1"})
	paid.RequireScore("paid", true)
	verdicttest.NewScorer(t, Paid, Order{"o2", 1}).RequireScore("paid", false)
}
