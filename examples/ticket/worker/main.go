// Command worker runs the ticket example.
package main

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/ticket"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("dial Temporal:", err)
	}
	defer c.Close()
	w := worker.New(c, ticket.TaskQueue, worker.Options{Plugins: []worker.Plugin{
		verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{ticket.StayedClosed}}),
	}})
	w.RegisterWorkflow(ticket.Solve)
	w.RegisterActivity(ticket.Close)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("worker:", err)
	}
}
