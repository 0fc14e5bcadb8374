// Package devserver finds a Temporal Service for one who just wants to try
// something, or starts one: the server a user already has comes first, then the
// Temporal CLI, then the server embedded in this repository's devserver module,
// which is built once and run as a child process.
//
// A server that is started here serves 127.0.0.1 only and ends with the process that started it, even if that is
// killed.
package devserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Names of environment variables. Every Temporal SDK reads the first two.
const (
	EnvAddress   = "TEMPORAL_ADDRESS"
	EnvNamespace = "TEMPORAL_NAMESPACE"

	// EnvUse restricts what Start may start: "temporal" to the Temporal CLI,
	// "embedded" to the embedded server. Empty allows both.
	EnvUse = "VERDICT_DEVSERVER"
)

// Retention is how long a server that Start started keeps a closed run.
const Retention = 7 * 24 * time.Hour

// startLimit is how long a started server may take to answer.
const startLimit = time.Minute

// Options say which server is wanted. The zero value finds any, or starts one in
// memory on free ports.
type Options struct {
	// Address of a server to use: nothing is started and nothing is checked.
	// Defaults to TEMPORAL_ADDRESS.
	Address string

	// Namespace defaults to TEMPORAL_NAMESPACE, then to "default".
	Namespace string

	// DBFile keeps a started server's runs in this file. Empty keeps them in
	// memory. A file belongs to the kind of server that made it.
	DBFile string

	// Port of a started server's frontend: 0 takes a free port.
	Port int

	// UIPort of a started server's web UI: 0 takes a free port, -1 serves none.
	UIPort int

	// SearchAttributes a started server must know, as name to type (Bool,
	// Datetime, Double, Int, Keyword, KeywordList or Text).
	SearchAttributes map[string]string

	// NoBuild makes Start fail rather than build the embedded server, which
	// takes minutes.
	NoBuild bool

	// Log gets lines for a person about starts and builds. Nil is silent.
	Log io.Writer

	// ServerLog gets the log of a started server, errors only. With nil the log only appears in the error if the server
	// does not start.
	ServerLog io.Writer

	// CacheDir keeps the embedded server's binary. Defaults to the folder
	// verdict in the user's cache.
	CacheDir string

	// Getenv defaults to os.Getenv.
	Getenv func(string) string

	// findSource finds the folder of the devserver module.
	findSource func() (string, bool)
}

func (o Options) withDefaults() Options {
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Address == "" {
		o.Address = o.Getenv(EnvAddress)
	}
	if o.Namespace == "" {
		o.Namespace = o.Getenv(EnvNamespace)
	}
	if o.Namespace == "" {
		o.Namespace = "default"
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.findSource == nil {
		o.findSource = findSource
	}
	return o
}

// Server is a Temporal Service that can be reached.
type Server struct {
	Address   string // host:port of the frontend
	Namespace string
	UIURL     string // empty if there is none, or if it is not known

	// From says in a few words where the server comes from.
	From string

	process *process
	stop    sync.Once
	stopErr error
}

// PID is the server's process, or 0 if it is not a child of this one.
func (s *Server) PID() int {
	if s.process == nil {
		return 0
	}
	return s.process.cmd.Process.Pid
}

// Stop stops a server that Start started and returns when its processes are gone. It leaves any other server alone.
// Stop the users of the server first; calling Stop again does nothing.
func (s *Server) Stop() error {
	s.stop.Do(func() {
		if s.process != nil {
			s.stopErr = s.process.stop()
		}
	})
	return s.stopErr
}

// Done is closed when a server that Start started has ended, by Stop or by itself.
// For any other server it never is.
func (s *Server) Done() <-chan struct{} {
	if s.process == nil {
		return nil
	}
	return s.process.exited
}

// Start finds a server or starts one, in the order the package describes. Ctx
// bounds the start, not the server's life: that ends with Stop, or with this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	o = o.withDefaults()
	if o.Address != "" {
		return &Server{Address: o.Address, Namespace: o.Namespace, From: "the server at " + o.Address}, nil
	}
	if o.DBFile != "" {
		file, err := filepath.Abs(o.DBFile)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, err
		}
		o.DBFile = file
	}

	use := o.Getenv(EnvUse)
	if use != "" && use != "temporal" && use != "embedded" {
		return nil, fmt.Errorf("%s is %q, want temporal or embedded", EnvUse, use)
	}
	if use != "embedded" {
		if cli, ok := lookPath(o, "temporal"); ok {
			return startCLI(ctx, o, cli)
		}
	}
	if use == "temporal" {
		return nil, fmt.Errorf("%s is temporal, but there is no temporal command on the PATH", EnvUse)
	}
	binary, err := Build(ctx, o)
	if err != nil {
		return nil, err
	}
	return startEmbedded(ctx, o, binary)
}

// startEmbedded runs a binary of the devserver module.
func startEmbedded(ctx context.Context, o Options, binary string) (*Server, error) {
	args := []string{"--namespace", o.Namespace, "--port", strconv.Itoa(o.Port), "--ui-port", strconv.Itoa(o.UIPort)}
	if o.DBFile != "" {
		args = append(args, "--db", o.DBFile)
	}
	for _, name := range slices.Sorted(maps.Keys(o.SearchAttributes)) {
		args = append(args, "--search-attribute", name+"="+o.SearchAttributes[name])
	}
	stdout := newReadyWriter()
	p, err := startProcess(exec.Command(binary, args...), stdout, o.ServerLog)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Temporal server: %w", err)
	}
	s := &Server{From: "the embedded Temporal server", process: p}
	err = p.await(ctx, func(ctx context.Context) error {
		return stdout.wait(ctx, s)
	})
	if err != nil {
		return nil, fmt.Errorf("start the embedded Temporal server: %w", err)
	}
	return s, nil
}

// lookPath looks for a command on the PATH in o, which may differ from this process's.
func lookPath(o Options, name string) (string, bool) {
	for _, dir := range filepath.SplitList(o.Getenv("PATH")) {
		if !filepath.IsAbs(dir) {
			continue // as exec.LookPath: never from where one happens to be
		}
		path, err := exec.LookPath(filepath.Join(dir, name))
		if err == nil {
			return path, true
		}
	}
	return "", false
}

// errNoServer is for users without a server: it names every way to get one.
func errNoServer(reason string) error {
	return errors.New("there is no Temporal server to use: " + reason + `.
Any one of these gives you one:
  - set ` + EnvAddress + ` to the host:port of a server that runs
  - put the Temporal CLI on the PATH: https://docs.temporal.io/cli#install
  - work in a clone of this repository: the embedded server is then built once
  - run the embedded server in another terminal and set ` + EnvAddress + ` to what it prints:
      go run ` + module + `@latest`)
}
