// Command worker runs the summarize example.
package main

import (
	"log"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/summarize"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("dial Temporal:", err)
	}
	defer c.Close()
	w := worker.New(c, summarize.TaskQueue, worker.Options{
		Plugins: []worker.Plugin{verdict.NewPlugin(verdict.Config{})}, // Verdict needs only this line
	})
	w.RegisterWorkflow(summarize.Summarize)
	w.RegisterActivity(summarize.Condense)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("worker:", err)
	}
}
