package storm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
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
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/storeworker"
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
	Declared                      bool // the form of the scorer
}

// dayLong is the window. Some orders are paid long before the run that they are about starts.
var dayLong = verdict.Within(24 * time.Hour).Lookback(24 * time.Hour)

// declaredPaid is paid as data.
var declaredPaid = verdict.NewOutcomeScorer("paid", "1", func(order string) verdict.Wait {
	return verdict.Wait{For: verdict.On("order.paid", order), Window: dayLong, End: verdict.ExpiresUnknown}
})

// paid is the scorer: its score is the amount that the outcome names.
var paid = verdict.NewScorer("paid", "1", func(ctx workflow.Context, order string) (scoring.Score, error) {
	got, err := verdict.Await(ctx, verdict.On("order.paid", order), dayLong, verdict.ExpiresUnknown)
	return got.Score(), err
})

// ordered is the run: it has nothing to do but to defer the scorer.
func ordered(ctx workflow.Context, order string) error {
	verdict.Defer(ctx, paid, order)
	return nil
}

// orderedDeclared is the run with the scorer as data.
func orderedDeclared(ctx workflow.Context, order string) error {
	verdict.Defer(ctx, declaredPaid, order)
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
	ours, err := storeworker.Start(ctx, storeworker.Options{
		Client: client.Options{HostPort: s.Temporal, Namespace: s.Namespace, Logger: logger}, Store: opened, TaskQueue: s.VerdictQueue,
		Listen: s.Listen, Webhooks: storeworker.Webhooks{Standard: []string{secret}}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	defer ours.Stop()
	cfg := verdict.Config{Scorers: []verdict.ScorerDefinition{paid}, StoreTaskQueue: s.VerdictQueue, Store: opened}
	if s.Declared {
		cfg.Scorers[0] = declaredPaid
	}
	users := worker.New(c, s.UserQueue, worker.Options{Plugins: []worker.Plugin{verdict.NewPlugin(cfg)}})
	users.RegisterWorkflow(ordered)
	users.RegisterWorkflow(orderedDeclared)
	if err := users.Start(); err != nil {
		return err
	}
	defer users.Stop()
	fmt.Println("ready")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
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
	p.t.Log("a worker is killed", time.Now().UTC().Format(time.StampMilli))
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
