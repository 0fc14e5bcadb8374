// Command worker is the worker of the user's program. It polls the task queue of the environment variable USER_TASK_QUEUE,
// hands over to the worker at VERDICT_TASK_QUEUE, says ready, and ends when its standard input does.
package main

import (
	"fmt"
	"io"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/releases/user"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "user's worker:", err)
		os.Exit(1)
	}
}

func run() error {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: os.Getenv("TEMPORAL_NAMESPACE")})
	if err != nil {
		return err
	}
	defer c.Close()
	cfg := user.Config()
	cfg.TaskQueue, cfg.Client = os.Getenv("VERDICT_TASK_QUEUE"), c
	w := worker.New(c, os.Getenv("USER_TASK_QUEUE"), worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	user.Register(w)
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
