// Package app holds the programs behind the mains of worker and starter. They take everything that they use of the
// process as [Options], so that a test runs them with buffers.
package app

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
)

// Options has the parts of its process that a program uses.
type Options struct {
	// Args are the arguments after the program's name.
	Args []string
	// Stdin, Stdout and Stderr: results go to Stdout, errors and logs to Stderr.
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Environ are the environment variables as "NAME=value". Nil means that there are none.
	Environ []string
}

// environ is an environment, in the form that envconfig asks for.
type environ []string

// Environ returns all variables as "NAME=value".
func (e environ) Environ() []string { return e }

// LookupEnv returns the value of a variable; the last one wins, as it does in a process.
func (e environ) LookupEnv(name string) (string, bool) {
	for i := len(e) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(e[i], "="); ok && k == name {
			return v, true
		}
	}
	return "", false
}

// Main runs a program in this process and returns its exit code. An interrupt, SIGTERM or SIGHUP cancels the program's context;
// a second one ends the wait for it.
func Main(run func(context.Context, Options) error) int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup
		signal.Notify(signals, syscall.SIGHUP)
	}
	defer signal.Stop(signals)
	return supervise(signals, os.Stderr, func(ctx context.Context) error {
		return run(ctx, Options{
			Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ(),
		})
	})
}

// supervise runs until run returns or the second signal comes.
func supervise(signals <-chan os.Signal, stderr io.Writer, run func(context.Context) error) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	for stopping := false; ; {
		select {
		case err := <-done:
			if err != nil {
				printError(stderr, err)
				return 1
			}
			return 0
		case <-signals:
			if stopping {
				return 1
			}
			stopping = true
			cancel()
		}
	}
}

// printError prints an error for people: one line for each mistake, lower case, no stack.
func printError(w io.Writer, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			printError(w, e)
		}
		return
	}
	fmt.Fprintln(w, "error:", err)
}

// usageError is a mistake of the caller's, with what would mend it.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// version is what `--version` prints: the module's version and the commit that the binary was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v, commit := info.Main.Version, ""
	if v == "" {
		v = "(devel)"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && !strings.Contains(v, s.Value[:12]) {
			commit = " (" + s.Value[:12] + ")"
		}
	}
	return v + commit + " " + info.GoVersion
}
