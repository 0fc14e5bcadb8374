package storm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/webhooks"
	"github.com/verdict-dev/verdict/workflows"
)

// settingsVariable tells a process of the test binary that it is a worker, and which.
const settingsVariable = "VERDICT_STORM_WORKER"

// secret signs the deliveries.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// settings are those of a worker's process.
type settings struct {
	Temporal, Namespace, Postgres string
	Listen                        string // where it receives webhooks
	UserQueue, VerdictQueue       string
}

// paid is the scorer: its score is what the outcome says that was paid.
var paid = verdict.NewScorer("paid", "1", func(ctx workflow.Context, order string) (scoring.Score, error) {
	// Some orders are paid long before the run that they are about starts.
	window := verdict.Within(24 * time.Hour).Lookback(24 * time.Hour)
	got, err := verdict.Await(ctx, verdict.On("order.paid", order), window, verdict.ExpiresUnknown)
	return got.Score(), err
})

// ordered is the run: it has nothing to do but to defer the scorer.
func ordered(ctx workflow.Context, order string) error {
	verdict.Defer(ctx, paid, order)
	return nil
}

// work is the process of a worker: it opens the store, runs the user's workflow and the scorers, and receives webhooks. It
// says ready, and ends when its standard input does.
func work(encoded string) error {
	var s settings
	if err := json.Unmarshal([]byte(encoded), &s); err != nil {
		return err
	}
	ctx := context.Background()
	logger := log.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError + 1})))
	c, err := client.Dial(client.Options{HostPort: s.Temporal, Namespace: s.Namespace, Logger: logger})
	if err != nil {
		return err
	}
	defer c.Close()
	opened, err := postgres.Open(ctx, s.Postgres)
	if err != nil {
		return err
	}
	defer opened.Close()

	ours := worker.New(c, s.VerdictQueue, worker.Options{})
	(&activities.Set{Store: opened, Client: c, Find: analysis.Find}).Register(ours)
	workflows.Register(ours)
	plugin := verdict.NewPlugin(verdict.Config{Scorers: []verdict.ScorerDefinition{paid}, StoreTaskQueue: s.VerdictQueue, Store: opened})
	users := worker.New(c, s.UserQueue, worker.Options{Plugins: []worker.Plugin{plugin}})
	users.RegisterWorkflow(ordered)
	for _, w := range []worker.Worker{ours, users} {
		if err := w.Start(); err != nil {
			return err
		}
		defer w.Stop()
	}
	receiver, err := newReceiver(c, s.VerdictQueue)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: receiver, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(l) }() // until it is closed
	defer server.Close()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// newReceiver returns the handler that webhooks come in through.
func newReceiver(c client.Client, queue string) (http.Handler, error) {
	sink := verdict.NewClient(c, verdict.ClientOptions{StoreTaskQueue: queue})
	return webhooks.New(webhooks.StandardWebhooks{Secrets: []string{secret}}, webhooks.Options{Mapping: webhooks.Scores, Sink: sink})
}

// process is a worker's process that can be killed and started again.
type process struct {
	t       *testing.T
	encoded string
	cmd     *exec.Cmd
	stdin   io.Closer
}

func newProcess(t *testing.T, s settings) *process {
	encoded, err := json.Marshal(s)
	require.NoError(t, err)
	p := &process{t: t, encoded: string(encoded)}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *process) start() {
	self, err := os.Executable()
	require.NoError(p.t, err)
	p.cmd = exec.Command(self)
	p.cmd.Env = append(os.Environ(), settingsVariable+"="+p.encoded)
	p.cmd.Stderr = os.Stderr
	p.stdin, err = p.cmd.StdinPipe()
	require.NoError(p.t, err)
	out, err := p.cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, p.cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(p.t, err)
	require.Equal(p.t, "ready\n", line)
}

// kill ends the process as the end of its machine would, and starts another one in its place.
func (p *process) kill() {
	require.NoError(p.t, p.cmd.Process.Kill())
	_ = p.cmd.Wait() // says that it was killed
	_ = p.stdin.Close()
	p.start()
}

func (p *process) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
}

// free returns a port that nobody listens on.
func free(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
}
