// Command worker runs the service example: its HTTP server, and the worker behind it.
package main

import (
	"log"
	"net/http"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/service"
)

func main() {
	c, err := client.Dial(envconfig.MustLoadDefaultClientOptions())
	if err != nil {
		log.Fatalln("dial Temporal:", err)
	}
	defer c.Close()
	key := []byte(os.Getenv("TOKEN_KEY")) // at least 32 bytes
	v := verdict.NewClient(c, verdict.ClientOptions{TokenKeys: [][]byte{key}})
	go func() { log.Fatalln(http.ListenAndServe("127.0.0.1:8091", service.Handler(c, v, service.TaskQueue))) }()
	w := worker.New(c, service.TaskQueue, worker.Options{Plugins: []worker.Plugin{
		verdict.NewPlugin(verdict.Config{TokenKey: key}),
	}})
	w.RegisterWorkflow(service.Answer)
	w.RegisterActivity(service.Look)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatalln("worker:", err)
	}
}
