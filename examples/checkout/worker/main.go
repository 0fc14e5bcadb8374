// Command worker runs the checkout example and receives Stripe's webhooks.
package main

import (
	"cmp"
	"log"
	"net/http"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/checkout"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("dial Temporal:", err)
	}
	defer c.Close()
	receiver, err := checkout.Receiver(verdict.NewClient(c, verdict.ClientOptions{}), os.Getenv("STRIPE_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatalln(err)
	}
	go func() { log.Fatalln(http.ListenAndServe("127.0.0.1:8092", receiver)) }()
	w := worker.New(c, checkout.TaskQueue, worker.Options{Plugins: []worker.Plugin{
		verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{checkout.Paid}}),
	}})
	w.RegisterWorkflow(checkout.Checkout)
	w.RegisterActivity(&checkout.Activities{API: cmp.Or(os.Getenv("STRIPE_API"), "https://api.stripe.com"), Secret: os.Getenv("STRIPE_KEY")})
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("worker:", err)
	}
}
