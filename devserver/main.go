// Command devserver is a Temporal Service for a laptop and for tests: all of it
// in one process, on 127.0.0.1, in memory or in one SQLite file, with the web UI.
//
// When it answers it prints one line on standard output,
//
//	READY {"address":"127.0.0.1:41371","namespace":"default","ui":"http://127.0.0.1:39943"}
//
// and it serves until it gets an interrupt or its standard input ends. So a program that starts it through a pipe
// leaves no server behind, even if the program is killed; from a shell, keep standard input open.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// Standard output carries only the READY line; the web UI's logger, for example, would write to it.
	stdout := os.Stdout
	os.Stdout = os.Stderr

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	signal.Ignore(syscall.SIGPIPE) // a log line for a parent that died must not cut the stop short
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		fmt.Fprintln(os.Stderr, "devserver: standard input has ended")
		stop()
	}()
	if err := run(ctx, os.Args[1:], stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "devserver:", err)
		os.Exit(1)
	}
}
