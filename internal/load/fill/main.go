// Command fill fills an empty store with an experiment of many scores, and says how long its counts take to read.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/verdict-dev/verdict/internal/load"
)

func main() {
	db := flag.String("db", "", "an empty store: a file, or a postgres:// url; its schema is made")
	scores := flag.Int("scores", 10_000_000, "how many scores, five a run")
	days := flag.Int("days", 30, "over how many days")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := load.Run(ctx, *db, *scores, *days, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
