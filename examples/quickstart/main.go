// Command quickstart is a worker with one score, one outcome and one report, and no second deployment.
package main

import (
	"context"
	"log"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/storeworker"
)

// Order has the goods that a customer wants.
type Order struct {
	ID    string
	Items int
}

// Checkout is an ordinary workflow with two lines of Verdict in it.
func Checkout(ctx workflow.Context, o Order) error {
	verdict.Score(ctx, "items", o.Items) // what you know now
	verdict.Defer(ctx, Paid, o)          // what you will know later
	return nil
}

// Paid waits until the customer pays, for a day at most, long after Checkout has ended.
var Paid = verdict.NewOutcomeScorer("paid", "1", func(o Order) verdict.Wait {
	return verdict.Wait{
		For: verdict.On("order.paid", o.ID).Means(true), Window: verdict.Within(24 * time.Hour), End: verdict.ExpiresFalse,
	}
})

// plugin makes this process the worker that keeps the store as well.
func plugin(db store.Store, listen string) *storeworker.Plugin {
	return storeworker.NewPlugin(
		verdict.Config{Store: db, Scorers: []verdict.ScorerDefinition{Paid}}, storeworker.Options{Listen: listen})
}

func main() {
	db, err := sqlite.Open(context.Background(), "verdict.db")
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	c, err := client.Dial(client.Options{Plugins: []client.Plugin{plugin(db, "127.0.0.1:8080")}})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	w := worker.New(c, "shop", worker.Options{})
	w.RegisterWorkflow(Checkout)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
}
