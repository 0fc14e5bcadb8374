// Command worker runs the support example.
package main

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/support"
	"github.com/verdict-dev/verdict/judges"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("dial Temporal:", err)
	}
	defer c.Close()
	w := worker.New(c, support.TaskQueue, worker.Options{Plugins: []worker.Plugin{
		verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{support.Helpful}, Judges: []judges.Judge{support.Grateful}}),
	}})
	w.RegisterWorkflow(support.Answer)
	w.RegisterActivity(support.Write)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("worker:", err)
	}
}
