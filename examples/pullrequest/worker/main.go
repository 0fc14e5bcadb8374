// Command worker runs the pullrequest example and receives GitHub's webhooks.
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
	"github.com/verdict-dev/verdict/examples/pullrequest"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("dial Temporal:", err)
	}
	defer c.Close()
	receiver, err := pullrequest.Receiver(verdict.NewClient(c, verdict.ClientOptions{}), os.Getenv("GITHUB_WEBHOOK_SECRET"))
	if err != nil {
		log.Fatalln("GITHUB_WEBHOOK_SECRET:", err)
	}
	go func() { log.Fatalln(http.ListenAndServe("127.0.0.1:8090", receiver)) }()
	w := worker.New(c, pullrequest.TaskQueue, worker.Options{Plugins: []worker.Plugin{
		verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{pullrequest.Accepted}}),
	}})
	w.RegisterWorkflow(pullrequest.Propose)
	api := cmp.Or(os.Getenv("GITHUB_API"), "https://api.github.com")
	w.RegisterActivity(&pullrequest.Activities{API: api, Token: os.Getenv("GITHUB_TOKEN")})
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("worker:", err)
	}
}
