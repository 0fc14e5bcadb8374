package app

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// stopTimeout is what the workers of these tests may take for their tasks, and stopWithin what a stop may take in all.
const (
	stopTimeout = 2 * time.Second
	stopWithin  = stopTimeout + 5*time.Second
)

// process is the worker as a process of its own.
type process struct {
	*program
	cmd  *exec.Cmd
	done chan error
}

// startProcess starts one and waits until it is ready. wrap, if any, is the shell's command that runs it as "$@".
func startProcess(t *testing.T, db, wrap string, env ...string) *process {
	t.Helper()
	server := devservertest.ForTest(t)
	p := &process{program: &program{T: t, db: db, log: &harness.Log{}}, done: make(chan error, 1)}
	p.env = append([]string{
		programVariable + "=worker", "TEMPORAL_CONFIG_FILE=" + filepath.Join(t.TempDir(), "none.toml"), "TEMPORAL_ADDRESS=" + server.Address,
		"TEMPORAL_NAMESPACE=" + server.NewNamespace(t), "VERDICT_DB=" + db, "VERDICT_HTTP=127.0.0.1:0", "VERDICT_STOP_TIMEOUT=" + stopTimeout.String(),
		"VERDICT_STANDARD_WEBHOOKS_SECRET=" + standardSecret, "PATH=" + os.Getenv("PATH"),
	}, env...)
	p.cmd = exec.Command(os.Args[0])
	if wrap != "" {
		p.cmd = exec.Command("sh", "-c", wrap, "sh", os.Args[0])
	}
	p.cmd.Env, p.cmd.Stderr = p.env, p.log
	p.cmd.WaitDelay = time.Second
	require.NoError(t, p.cmd.Start())
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has ended, unless the test failed
	})
	harness.Eventually(t, harness.Patience, func() error {
		select {
		case err := <-p.done:
			require.FailNow(t, "the worker ended", "%v\n%s", err, p.log)
		default:
		}
		if m := readyLine.FindStringSubmatch(p.log.String()); m != nil {
			p.url = m[1]
			return nil
		}
		return errors.New("not ready")
	})
	return p
}

// stops sends a signal and requires that the worker has stopped in time, and says that nothing went wrong.
func (p *process) stops(signal os.Signal) {
	p.Helper()
	begin := time.Now()
	require.NoError(p, p.cmd.Process.Signal(signal))
	select {
	case err := <-p.done:
		require.NoError(p, err, "%s", p.log)
	case <-time.After(stopWithin + 20*time.Second):
		require.FailNow(p, "it runs on", "%s", p.log)
	}
	// What it takes beyond is a busy machine's to start and end it.
	require.Less(p, time.Since(begin), stopWithin+2*time.Second, "%s", p.log)
	require.Contains(p, p.log.String(), "msg=stopping step=http")
}

// A stop takes as long as it is documented to, whatever hangs, and is none that failed.
func TestStopWhilePostgresHangs(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t)
	require.NoError(t, postgres.Migrate(t.Context(), db))
	u, err := url.Parse(db)
	require.NoError(t, err)
	proxy := harness.NewProxy(t, u.Host)
	u.Host = proxy.Address
	p := startProcess(t, u.String(), "", "VERDICT_SEARCH_ATTRIBUTES=false")
	p.readiness(200, "ok\n")
	proxy.Hang()
	p.readiness(200, "ok; away: store\n")
	require.Equal(t, 200, p.payment("evt_1", "7"), "Temporal holds it, and its task waits for the store")
	p.stops(syscall.SIGTERM)
}

func TestStopWhileAClientDawdles(t *testing.T) {
	t.Parallel()
	p := startProcess(t, filepath.Join(t.TempDir(), "verdict.db"), "", "VERDICT_SEARCH_ATTRIBUTES=false")
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprint(conn, "POST /v1/outcomes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, err)
	p.readiness(200, "ok\n")
	p.stops(syscall.SIGTERM)
}

// The end of a terminal stops a worker as SIGTERM does, unless it was started so as to outlive it.
func TestHangup(t *testing.T) {
	t.Parallel()
	// What a process ignores its children ignore, and these tests may run under nohup. What it handles they do not.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	p := startProcess(t, filepath.Join(t.TempDir(), "verdict.db"), "", "VERDICT_SEARCH_ATTRIBUTES=false")
	p.stops(syscall.SIGHUP)
	require.Contains(t, p.log.String(), "msg=stopping step=store")

	p = startProcess(t, filepath.Join(t.TempDir(), "verdict.db"), `trap "" HUP; exec "$@"`, "VERDICT_SEARCH_ATTRIBUTES=false")
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGHUP))
	p.readiness(200, "ok\n")
	require.NotContains(t, p.log.String(), "msg=stopping")
	p.stops(syscall.SIGTERM)
}
