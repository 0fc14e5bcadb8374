// Package direct is the user's program with direct access to the store: its worker records into the Postgres that the
// environment variable VERDICT_DB names, without another worker in between.
package direct

import (
	"context"
	"fmt"
	"io"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/store/postgres"
)

// Work is the process of the worker. It says ready, and ends when its standard input does.
func Work() error {
	c, err := client.Dial(client.Options{HostPort: os.Getenv("TEMPORAL_ADDRESS"), Namespace: os.Getenv("TEMPORAL_NAMESPACE")})
	if err != nil {
		return err
	}
	defer c.Close()
	db, err := postgres.Open(context.Background(), os.Getenv("VERDICT_DB"))
	if err != nil {
		return err
	}
	defer db.Close()
	cfg := user.Config()
	cfg.StoreTaskQueue, cfg.Client, cfg.Store, cfg.SearchAttributes = os.Getenv("VERDICT_TASK_QUEUE"), c, db, true
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
