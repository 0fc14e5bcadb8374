package user

import (
	"fmt"
	"io"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
)

// Work is the process of the program's worker. It polls the task queue of the environment variable USER_TASK_QUEUE, hands
// over to the worker at VERDICT_TASK_QUEUE, says ready, and ends when its standard input does.
func Work() error {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: os.Getenv("TEMPORAL_NAMESPACE")})
	if err != nil {
		return err
	}
	defer c.Close()
	cfg := Config()
	cfg.StoreTaskQueue, cfg.Client = os.Getenv("VERDICT_TASK_QUEUE"), c
	w := worker.New(c, os.Getenv("USER_TASK_QUEUE"), worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	Register(w)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
