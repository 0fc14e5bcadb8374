package devserver

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
)

func TestAddressComesFirst(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	script(t, bin, "temporal", "exit 1")

	o := options(t, bin, "TEMPORAL_ADDRESS=env:7233", "TEMPORAL_NAMESPACE=team")
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "env:7233", s.Address)
	require.Equal(t, "team", s.Namespace)
	require.Nil(t, s.Done())
	require.NoError(t, s.Stop())

	o.Address, o.Namespace = "option:7233", "mine"
	s, err = Start(t.Context(), o)
	require.NoError(t, err)
	require.Equal(t, "option:7233", s.Address)
	require.Equal(t, "mine", s.Namespace)
}

func TestTemporalOnPath(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fakeTemporal(t, bin, "")
	log := &buffer{}
	o := options(t, bin)
	o.ServerLog = log
	o.DBFile = filepath.Join(t.TempDir(), "new", "runs.db")
	o.SearchAttributes = map[string]string{"VerdictScores": "KeywordList", "VerdictScorer": "KeywordList"}
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Stop() })
	require.Equal(t, "default", s.Namespace)
	require.Equal(t, filepath.Join(bin, "temporal")+" server start-dev", s.From)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, s.UIURL)
	require.DirExists(t, filepath.Dir(o.DBFile))
	for _, arg := range []string{
		"server start-dev --ip 127.0.0.1",
		"--namespace default",
		"--ui-port " + s.UIURL[strings.LastIndex(s.UIURL, ":")+1:],
		"--db-filename " + o.DBFile,
		"--search-attribute VerdictScorer=KeywordList --search-attribute VerdictScores=KeywordList",
	} {
		require.Contains(t, log.String(), arg)
	}

	// A namespace from an older file gets what it lacks.
	c, err := client.Dial(client.Options{HostPort: s.Address})
	require.NoError(t, err)
	have, err := c.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{})
	require.NoError(t, err)
	require.Equal(t, enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST, have.GetCustomAttributes()["VerdictScores"])
	wrong := AddSearchAttributes(t.Context(), c, "default", map[string]string{"VerdictScores": "Int"})
	require.EqualError(t, wrong, "search attribute VerdictScores is KeywordList in this namespace, not Int")
	c.Close()

	// A terminal's Ctrl-C does not reach it before it reaches us.
	group, err := syscall.Getpgid(s.process.cmd.Process.Pid)
	require.NoError(t, err)
	require.NotEqual(t, syscall.Getpgrp(), group)

	gone := watch(t, s.Address)
	require.NoError(t, s.Stop())
	requireClosed(t, gone, "the server")
	requireClosed(t, s.Done(), "its shell")
	require.NoError(t, s.Stop(), "again")
}

func TestTemporalOnPathFails(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fakeTemporal(t, bin, "VERDICT_TEST_BROKEN=1")
	_, err := Start(t.Context(), options(t, bin))
	require.ErrorContains(t, err, "VERDICT_DEVSERVER=embedded")
	require.ErrorContains(t, err, "exit status 2")
	require.ErrorContains(t, err, "unknown flag: --something")

	// An attribute type that no server will ever know ends the wait at once.
	fakeTemporal(t, bin, "")
	o := options(t, bin)
	o.SearchAttributes = map[string]string{"Wrong": "Number"}
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, `search attribute Wrong has type "Number", which does not exist`)
}

func TestServerThatEndsByItself(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fakeTemporal(t, bin, "")
	s, err := Start(t.Context(), options(t, bin))
	require.NoError(t, err)
	killGroup(s.process.cmd)
	requireClosed(t, s.Done(), "the server")
	require.NoError(t, s.Stop())
}

func TestEmbeddedComesLast(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	builds := fakeGo(t, bin, "")
	log, serverLog := &buffer{}, &buffer{}
	o := options(t, bin+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin", "VERDICT_DEVSERVER=embedded")
	o.Log, o.ServerLog, o.UIPort = log, serverLog, -1
	o.SearchAttributes = map[string]string{"VerdictScores": "KeywordList"}
	fakeTemporal(t, bin, "VERDICT_TEST_BROKEN=1") // passed over

	start := func() {
		s, err := Start(t.Context(), o)
		require.NoError(t, err)
		require.Equal(t, "127.0.0.1:7", s.Address)
		require.Equal(t, "default", s.Namespace)
		require.Equal(t, "http://127.0.0.1:8", s.UIURL)
		require.NoError(t, s.Stop())
		requireClosed(t, s.Done(), "the server")
	}
	start()
	require.Contains(t, log.String(), "Building the embedded Temporal server")
	require.Contains(t, log.String(), "Built the embedded Temporal server in ")
	require.Contains(t, serverLog.String(), "--namespace default --port 0 --ui-port -1 --search-attribute VerdictScores=KeywordList")

	// From now on it comes out of the cache, and no go command is needed.
	require.NoError(t, os.Remove(filepath.Join(bin, "go")))
	start()
	require.Equal(t, 1, lines(t, builds))

	source, _ := o.findSource()
	require.NoError(t, os.WriteFile(filepath.Join(source, "go.sum"), []byte("other"), 0o644))
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "neither temporal nor go is on the PATH", "another version is not in the cache")
}

func TestOneBuilds(t *testing.T) {
	t.Parallel()
	bin, gate := t.TempDir(), filepath.Join(t.TempDir(), "gate")
	require.NoError(t, syscall.Mkfifo(gate, 0o600))
	builds := fakeGo(t, bin, "read -r _ <'"+gate+"'") // builds until the gate opens
	o := options(t, bin+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin")

	const processes = 4
	building, waiting := make(chan struct{}, processes), make(chan struct{}, processes)
	o.Log = writerFunc(func(line string) {
		switch {
		case strings.HasPrefix(line, "Building"):
			building <- struct{}{}
		case strings.HasPrefix(line, "Waiting"):
			waiting <- struct{}{}
		}
	})
	var all sync.WaitGroup
	for range processes { // a lock is one open file's: it parts goroutines as it does processes
		all.Go(func() {
			binary, err := Build(t.Context(), o)
			if err != nil || !cached(binary) {
				t.Errorf("Build: %q, %v", binary, err)
			}
		})
	}
	requireReceived(t, building, 1)
	requireReceived(t, waiting, processes-1)

	// One that loses patience leaves the others be.
	ctx, cancel := context.WithCancel(t.Context())
	impatient := o
	impatient.Log = writerFunc(func(string) { cancel() })
	_, err := Build(ctx, impatient)
	require.ErrorIs(t, err, context.Canceled)

	require.NoError(t, os.WriteFile(gate, []byte("open\n"), 0o600))
	all.Wait()
	require.Equal(t, 1, lines(t, builds))
}

func TestBuildEndsWithContext(t *testing.T) {
	t.Parallel()
	bin, gate := t.TempDir(), filepath.Join(t.TempDir(), "gate")
	require.NoError(t, syscall.Mkfifo(gate, 0o600))
	fakeGo(t, bin, "read -r _ <'"+gate+"'")
	o := options(t, bin)
	ctx, cancel := context.WithCancel(t.Context())
	o.Log = writerFunc(func(string) { cancel() })
	_, err := Build(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	left, err := filepath.Glob(filepath.Join(o.CacheDir, cachePrefix+"*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestBuildFails(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fakeGo(t, bin, "echo no space left on device >&2; exit 1")
	_, err := Start(t.Context(), options(t, bin))
	require.ErrorContains(t, err, "build the embedded Temporal server: exit status 1\nno space left on device")
}

func TestUnusedBinariesAreRemoved(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fakeGo(t, bin, "")
	o := options(t, bin+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin")
	long, recent := filepath.Join(o.CacheDir, cachePrefix+"long"), filepath.Join(o.CacheDir, cachePrefix+"recent")
	for file, age := range map[string]time.Duration{long: keepUnused + time.Hour, recent: time.Hour} {
		require.NoError(t, os.WriteFile(file, nil, 0o755))
		used := time.Now().Add(-age)
		require.NoError(t, os.Chtimes(file, used, used))
	}
	binary, err := Build(t.Context(), o)
	require.NoError(t, err)
	require.FileExists(t, binary)
	require.FileExists(t, recent)
	require.NoFileExists(t, long)
}

func TestNoServer(t *testing.T) {
	t.Parallel()
	o := options(t, t.TempDir())
	o.findSource = func() (string, bool) { return "", false }
	_, err := Start(t.Context(), o)
	require.ErrorContains(t, err, "this is not a clone")
	for _, way := range []string{"TEMPORAL_ADDRESS", "Temporal CLI", "clone", "go run github.com/verdict-dev/verdict/devserver@latest"} {
		require.ErrorContains(t, err, way)
	}

	o = options(t, t.TempDir())
	o.NoBuild = true
	_, err = Start(t.Context(), o)
	require.ErrorContains(t, err, "go run ./internal/devserver/build")

	_, err = Start(t.Context(), options(t, t.TempDir(), "VERDICT_DEVSERVER=temporal"))
	require.EqualError(t, err, "VERDICT_DEVSERVER is temporal, but there is no temporal command on the PATH")
	_, err = Start(t.Context(), options(t, t.TempDir(), "VERDICT_DEVSERVER=docker"))
	require.EqualError(t, err, `VERDICT_DEVSERVER is "docker", want temporal or embedded`)
}

// A killed parent runs no code of its own any more; its servers must end all the same.
func TestTemporalDiesWithItsParent(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	fakeTemporal(t, bin, "")
	parent, address := startParent(t, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), EnvUse+"=temporal")
	gone := watch(t, address)
	require.NoError(t, parent.Process.Kill())
	requireClosed(t, gone, "the server")
	require.Error(t, parent.Wait())
}

func TestSourceIsFound(t *testing.T) {
	t.Parallel()
	source, ok := findSource()
	require.True(t, ok)
	require.FileExists(t, filepath.Join(source, "main.go"))
}

type writerFunc func(line string)

func (f writerFunc) Write(b []byte) (int, error) {
	f(string(b))
	return len(b), nil
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func lines(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return strings.Count(string(text), "\n")
}

func requireReceived(t *testing.T, c <-chan struct{}, n int) {
	t.Helper()
	for range n {
		select {
		case <-c:
		case <-time.After(time.Minute):
			require.FailNow(t, "nothing came")
		}
	}
}

var _ io.Writer = writerFunc(nil)
