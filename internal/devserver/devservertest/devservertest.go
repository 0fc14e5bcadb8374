// Package devservertest gives tests a real Temporal Service: one for each test
// process, started by the first test that asks and shared by all.
//
//	func TestMain(m *testing.M) { devservertest.Main(m) }
//
//	func TestScore(t *testing.T) {
//		server := devservertest.ForTest(t)
//		c := server.Dial(t, client.Options{})
//		queue := devservertest.Name(t) // a task queue of its own
//		...
//	}
//
// Tests share one namespace, so each keeps to task queues and workflow ids that
// begin with a Name of its own, or takes a NewNamespace.
package devservertest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/verdict-dev/verdict/internal/devserver"
)

const (
	// EnvAddress is a server for tests to use instead of one of their own.
	// TEMPORAL_ADDRESS is not read: it may well be a server where tests have no
	// business.
	EnvAddress = "VERDICT_TEST_ADDRESS"

	// EnvRequire set to 1 turns the skip of a test for want of a server into a
	// failure.
	EnvRequire = "VERDICT_REQUIRE_SERVER"
)

// SearchAttributes are registered in every namespace that tests get here. A package
// that needs more adds them in its TestMain.
var SearchAttributes = map[string]string{
	"VerdictScores": "KeywordList",
	"VerdictScorer": "KeywordList",
}

const (
	buildLimit = 20 * time.Minute
	callLimit  = time.Minute
)

// Server is a Temporal Service with helpers that a test needs.
type Server struct{ *devserver.Server }

// ForTest returns this process's server. Without a server the test is skipped, with the reason; so is every test under
// go test -short.
func ForTest(tb testing.TB) *Server {
	tb.Helper()
	return shared.get(tb, testing.Short())
}

// Main runs a package's tests and then stops their server. If they passed it runs
// checks, and fails if one fails: goleak.Find belongs here, since goleak's own
// VerifyTestMain looks while the server still runs.
func Main(m *testing.M, checks ...func() error) {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "devservertest:", err)
		code = 1
	}
	if code == 0 {
		for _, check := range checks {
			if err := check(); err != nil {
				fmt.Fprintln(os.Stderr, "devservertest:", err)
				code = 1
			}
		}
	}
	os.Exit(code)
}

var shared = once{start: start}

// once starts the server for the first who asks and keeps the answer, good or bad.
// A process that ends without stop takes its server with it all the same.
type once struct {
	start func() (*devserver.Server, error)

	mu     sync.Mutex
	done   bool
	server *devserver.Server
	err    error
}

func (o *once) get(tb testing.TB, short bool) *Server {
	tb.Helper()
	if short {
		tb.Skip("-short: needs a Temporal server")
	}
	require := os.Getenv(EnvRequire) == "1"
	o.mu.Lock()
	if !o.done {
		o.server, o.err = o.start()
		o.done = true
	}
	server, err := o.server, o.err
	o.mu.Unlock()
	if err != nil && require {
		tb.Fatalf("%s=1 and no Temporal server: %v", EnvRequire, err)
	}
	if err != nil {
		tb.Skipf("needs a Temporal server: %v", err)
	}
	return &Server{server}
}

func (o *once) stop() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.server == nil {
		return nil
	}
	return o.server.Stop()
}

func start() (*devserver.Server, error) {
	o := devserver.Options{
		Namespace:        "default",
		UIPort:           -1,
		SearchAttributes: SearchAttributes,
		Getenv:           getenv,
		Log:              os.Stderr,
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	server, err := devserver.Start(ctx, o)
	if err != nil || server.Done() != nil {
		return server, err
	}
	// Not ours: it may lack the attributes, and it may not be there at all.
	c, err := client.DialContext(ctx, options(server, client.Options{Logger: quiet(io.Discard)}))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return server, devserver.AddSearchAttributes(ctx, c, server.Namespace, SearchAttributes)
}

func getenv(name string) string {
	if name == devserver.EnvAddress {
		name = EnvAddress
	}
	return os.Getenv(name)
}

// Dial returns a client of the server, which is closed when the test ends. What o
// leaves empty is filled in: the address, the namespace, and a logger that writes
// warnings and errors to the test's log.
func (s *Server) Dial(tb testing.TB, o client.Options) client.Client {
	tb.Helper()
	if o.Logger == nil {
		out := &testOutput{w: tb.Output()}
		tb.Cleanup(out.end)
		o.Logger = quiet(out)
	}
	ctx, cancel := context.WithTimeout(tb.Context(), callLimit)
	defer cancel()
	c, err := client.DialContext(ctx, options(s.Server, o))
	if err != nil {
		tb.Fatalf("dial %s: %v", s.From, err)
	}
	tb.Cleanup(c.Close)
	return c
}

func options(s *devserver.Server, o client.Options) client.Options {
	if o.HostPort == "" {
		o.HostPort = s.Address
	}
	if o.Namespace == "" {
		o.Namespace = s.Namespace
	}
	return o
}

// NewNamespace returns the name of a new namespace for this test alone, with the SearchAttributes, ready for use.
func (s *Server) NewNamespace(tb testing.TB) string {
	tb.Helper()
	name := Name(tb)
	c := s.Dial(tb, client.Options{Namespace: name})
	ctx, cancel := context.WithTimeout(tb.Context(), callLimit)
	defer cancel()
	_, err := c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        name,
		WorkflowExecutionRetentionPeriod: durationpb.New(devserver.Retention),
	})
	if err != nil {
		tb.Fatalf("register namespace %s: %v", name, err)
	}
	// The server's parts learn of a namespace one after the other. The frontend
	// is asked until it knows this one.
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := devserver.AddSearchAttributes(ctx, c, name, SearchAttributes)
		if err == nil {
			return name
		}
		var unknown *serviceerror.NamespaceNotFound
		if !errors.As(err, &unknown) {
			tb.Fatalf("namespace %s: %v", name, err)
		}
		select {
		case <-ctx.Done():
			tb.Fatalf("namespace %s: %v", name, err)
		case <-again.C:
		}
	}
}

// Name returns the test's name with something random: for a task queue, and for
// workflow ids to begin with. It is new on each call.
func Name(tb testing.TB) string {
	random := make([]byte, 4)
	_, _ = rand.Read(random) // never fails
	// Replace the characters that a subtest's name may have but a namespace's may not.
	name := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, tb.Name())
	return name + "-" + hex.EncodeToString(random)
}

func quiet(w io.Writer) log.Logger {
	return log.NewStructuredLogger(slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn})))
}

// testOutput drops writes after the test has ended, for which testing would panic: a worker may log late.
type testOutput struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *testOutput) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.w == nil {
		return len(b), nil
	}
	return o.w.Write(b)
}

func (o *testOutput) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.w = nil
}
