package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/judges/judgetest"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// starterBinary builds the program that the demo starts its processes from.
func starterBinary(t *testing.T) string {
	t.Helper()
	devservertest.ForTest(t) // skips where there is no server, and has it built
	bin := filepath.Join(t.TempDir(), "starter")
	out, err := exec.Command("go", "build", "-o", bin, "github.com/verdict-dev/verdict/starter").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return bin
}

// demoProcess is a running `starter demo`, in a process group of its own.
type demoProcess struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	lines  chan string
	seen   strings.Builder
}

func startDemo(t *testing.T, bin string, args ...string) *demoProcess {
	t.Helper()
	p := &demoProcess{cmd: exec.Command(bin, append([]string{"demo", "--output", "json"}, args...)...), lines: make(chan string, 1000)}
	p.cmd.Stdout = &p.stdout
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	go func() {
		defer close(p.lines)
		for r := bufio.NewScanner(stderr); r.Scan(); {
			p.lines <- r.Text()
		}
		_, _ = io.Copy(io.Discard, stderr)
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(p.seen.String())
		}
		_ = p.cmd.Process.Kill()
	})
	return p
}

// await returns what a line of the progress matches.
func (p *demoProcess) await(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for line, more := p.next(t); more; line, more = p.next(t) {
		if m := re.FindStringSubmatch(line); m != nil {
			return m
		}
	}
	t.Fatalf("no line matches %q:\n%s", pattern, p.seen.String())
	return nil
}

// next returns the next line of the progress. more is false at its end. A demo that falls silent for long fails the test.
func (p *demoProcess) next(t *testing.T) (line string, more bool) {
	t.Helper()
	limit := time.NewTimer(harness.Patience)
	defer limit.Stop()
	select {
	case line, more = <-p.lines:
		p.seen.WriteString(line + "\n")
	case <-limit.C:
		t.Fatalf("the demo has fallen silent:\n%s", p.seen.String())
	}
	return line, more
}

func (p *demoProcess) report(t *testing.T) report.Report {
	t.Helper()
	for _, more := p.next(t); more; _, more = p.next(t) {
	}
	require.NoError(t, p.cmd.Wait(), p.seen.String())
	var r report.Report
	require.NoError(t, json.Unmarshal(p.stdout.Bytes(), &r), p.stdout.String())
	require.Len(t, r.Experiments, 1)
	return r
}

// A worker that is killed in the middle of the demo and started again changes nothing in the end.
func TestDemoSurvivesTheLossOfItsWorker(t *testing.T) {
	t.Parallel()
	bin := starterBinary(t)
	args := []string{"--runs", "40", "--seed", "7", "--db"}
	dir := t.TempDir()
	calmDB, stormyDB := filepath.Join(dir, "calm.db"), filepath.Join(dir, "stormy.db")
	calm, stormy := startDemo(t, bin, append(args, calmDB)...), startDemo(t, bin, append(args, stormyDB)...)

	pid, err := strconv.Atoi(stormy.await(t, `worker (\d+) is up`)[1])
	require.NoError(t, err)
	stormy.await(t, `[1-9]\d* of 40 answered`)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	stormy.await(t, `the worker was lost`)

	_, got := calm.report(t), stormy.report(t)
	require.NotContains(t, calm.seen.String(), "is not among", "the scorers of the demo are there")
	require.Equal(t, countsOf(t, calmDB), countsOf(t, stormyDB))
	require.Empty(t, got.Unflushed)
	require.Equal(t, 40, got.Experiments[0].Units)
	require.NotEmpty(t, got.Experiments[0].Rows)
	for _, row := range got.Experiments[0].Rows {
		require.Zero(t, row.Pending, row)
	}
}

// countsOf counts what is in a store, by what was said of what.
func countsOf(t *testing.T, db string) map[string]int {
	t.Helper()
	s, err := sqlite.Open(t.Context(), db)
	require.NoError(t, err)
	defer s.Close()
	records, err := s.Scores(t.Context(), store.Filter{})
	require.NoError(t, err)
	counts := map[string]int{}
	for _, r := range records {
		counts[fmt.Sprintf("%s of %q: %s %s", r.Name, r.Step.Type, r.State, r.Value)]++
	}
	require.Greater(t, len(counts), 4)
	return counts
}

// Ctrl-C leaves nothing behind, and a language model is asked when there is one.
func TestDemoStopsCleanAndAsksAJudge(t *testing.T) {
	t.Parallel()
	bin := starterBinary(t)
	model, err := judgetest.NewServer(judgetest.Heuristic(func(r judgetest.Request) string {
		verdict := "no"
		if o := r.Blocks("output"); len(o) == 1 && slicesEqual(o, r.Blocks("expected")) {
			verdict = "yes"
		}
		return `{"rationale":"they are compared","verdict":"` + verdict + `"}`
	}))
	require.NoError(t, err)
	t.Cleanup(model.Close)

	judged := startDemo(t, bin, "--runs", "12", "--judge-url", model.URL)
	interrupted := startDemo(t, bin, "--runs", "200")
	interrupted.await(t, `worker (\d+) is up`)
	interrupted.await(t, `[1-9]\d* of 200 answered`)
	children := descendants(t, interrupted.cmd.Process.Pid)
	require.GreaterOrEqual(t, len(children), 3, "the server, the worker, the users")
	require.NoError(t, interrupted.cmd.Process.Signal(os.Interrupt))
	for range interrupted.lines {
	}
	_ = interrupted.cmd.Wait()
	require.Eventually(t, func() bool {
		for _, pid := range children {
			if syscall.Kill(pid, 0) == nil {
				return false
			}
		}
		return true
	}, time.Minute, 50*time.Millisecond, "a process was left behind")

	r := judged.report(t)
	scored := 0
	for _, row := range r.Experiments[0].Rows {
		if row.Score == "answer_quality" {
			scored += row.Scored
		}
	}
	require.Equal(t, 12, scored)
	require.Len(t, model.Requests(), 12)
}

// The demo finds the better retriever, and nothing where there is nothing to find. While it stays up everything that it
// points at is there.
func TestDemoDecides(t *testing.T) {
	t.Parallel()
	bin := starterBinary(t)
	p, null := startDemo(t, bin, "--keep"), startDemo(t, bin, "--null")
	page := p.await(t, `page: +(http://\S+)`)[1]
	ui := p.await(t, `a run: +(http://\S+)`)[1]
	for _, url := range []string{page, ui} {
		r, err := http.Get(url) //nolint:noctx // it is our own server
		require.NoError(t, err, url)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusOK, r.StatusCode, url)
	}
	found := p.await(t, `find runs: +temporal workflow list --address (\S+) --namespace (\S+) -q '(.*)'`)
	c, err := client.Dial(client.Options{HostPort: found[1], Namespace: found[2], Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
	require.NoError(t, err)
	harness.Eventually(t, harness.Patience, func() error { // visibility comes later
		n, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Namespace: found[2], Query: found[3]})
		if err == nil && n.Count == 0 {
			err = errors.New("none is found: " + found[3])
		}
		return err
	})
	c.Close()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	e := p.report(t).Experiments[0]
	require.Equal(t, experiments.Winner, e.Analysis.Decision.Verdict, e.Decision)
	require.Equal(t, []string{"bm25"}, e.Analysis.Decision.Variants)
	e = null.report(t).Experiments[0]
	require.Equal(t, experiments.Continue, e.Analysis.Decision.Verdict, e.Decision)
	require.Equal(t, 300, e.Units)
}

// A file that an interrupted demo has left is one that the next can go on with.
func TestDemoOnAFileThatWasLeft(t *testing.T) {
	t.Parallel()
	bin := starterBinary(t)
	db := filepath.Join(t.TempDir(), "kept.db")
	left := startDemo(t, bin, "--db", db, "--runs", "60")
	left.await(t, `[1-9]\d* of 60 answered`)
	require.NoError(t, left.cmd.Process.Signal(os.Interrupt))
	for range left.lines {
	}
	_ = left.cmd.Wait()

	next := startDemo(t, bin, "--db", db, "--runs", "12")
	r := next.report(t)
	require.NotContains(t, next.seen.String(), "some scores are still missing")
	require.GreaterOrEqual(t, r.Experiments[0].Units, 12)
}

func TestMistakesOfTheDemo(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--runs", "0"}, {"--runs", "-1"}, {"--runs", "many"}, {"--seed", "1.5"}, {"--db", ":memory:"}, {"--db", "postgres://localhost/x"}, {"--judge-url", "foo"},
	} {
		got := call(t, RunStarter, []string{away}, append([]string{"demo"}, args...)...)
		require.Error(t, got.err, args)
		require.True(t, isUsage(got.err), "%v: %v", args, got.err)
		require.Contains(t, got.err.Error(), args[0])
		require.NotContains(t, got.err.Error(), "strconv")
	}
}

func slicesEqual(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }

// descendants returns the process ids below pid.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	out, err := exec.Command("ps", "-eo", "pid=,ppid=").Output()
	require.NoError(t, err)
	parent := map[int]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Fields(line)
		child, err := strconv.Atoi(f[0])
		require.NoError(t, err)
		parent[child], err = strconv.Atoi(f[1])
		require.NoError(t, err)
	}
	var below []int
	for child := range parent {
		for p := child; p > 1; p = parent[p] {
			if p == pid && child != pid {
				below = append(below, child)
				break
			}
		}
	}
	return below
}
