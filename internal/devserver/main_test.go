package devserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
)

// This test binary also plays the programs that the tests need, by the value of
// this variable.
const envRole = "VERDICT_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "":
		goleak.VerifyTestMain(m)
	case "temporal":
		playTemporal(os.Args[1:])
	case "parent":
		playParent()
	}
}

// playTemporal is a Temporal CLI whose server knows a namespace without search
// attributes. It prints what it was called with on standard error.
func playTemporal(args []string) {
	fmt.Fprintln(os.Stderr, strings.Join(args, " "))
	var port string
	for i, arg := range args {
		if arg == "--port" {
			port = args[i+1]
		}
	}
	if os.Getenv("VERDICT_TEST_BROKEN") != "" {
		fmt.Fprintln(os.Stderr, "unknown flag: --something")
		os.Exit(2)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	s := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(s, &fakeWorkflowService{})
	operatorservice.RegisterOperatorServiceServer(s, &fakeOperatorService{have: map[string]enumspb.IndexedValueType{}})
	go func() { _ = s.Serve(l) }()
	<-stop
}

type fakeWorkflowService struct {
	workflowservice.UnimplementedWorkflowServiceServer
}

func (*fakeWorkflowService) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{ServerVersion: "fake"}, nil
}

func (*fakeWorkflowService) UpdateNamespace(context.Context, *workflowservice.UpdateNamespaceRequest) (*workflowservice.UpdateNamespaceResponse, error) {
	return &workflowservice.UpdateNamespaceResponse{}, nil
}

type fakeOperatorService struct {
	operatorservice.UnimplementedOperatorServiceServer
	have map[string]enumspb.IndexedValueType
}

func (s *fakeOperatorService) ListSearchAttributes(context.Context, *operatorservice.ListSearchAttributesRequest) (*operatorservice.ListSearchAttributesResponse, error) {
	return &operatorservice.ListSearchAttributesResponse{CustomAttributes: s.have}, nil
}

func (s *fakeOperatorService) AddSearchAttributes(_ context.Context, r *operatorservice.AddSearchAttributesRequest) (*operatorservice.AddSearchAttributesResponse, error) {
	s.have = r.GetSearchAttributes()
	return &operatorservice.AddSearchAttributesResponse{}, nil
}

// playParent starts a server as any program would, says where, and stays.
func playParent() {
	s, err := Start(context.Background(), Options{UIPort: -1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	_ = json.NewEncoder(os.Stdout).Encode(s.Address)
	select {}
}

// script writes an executable shell script.
func script(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755))
}

// fakeTemporal puts a temporal command into dir.
func fakeTemporal(t *testing.T, dir, env string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	script(t, dir, "temporal", fmt.Sprintf(`exec env %s=temporal %s %q "$@"`, envRole, env, self))
}

// fakeServer is the text of an embedded server that only says that it serves.
const fakeServer = `echo a line of somebody else
echo 'READY {"address":"127.0.0.1:7","namespace":"default","ui":"http://127.0.0.1:8"}'
echo "$@" >&2
exec cat >/dev/null`

// fakeGo puts a go command into dir that "builds" the fake server: it adds a line
// to the file builds, runs before, and writes the result.
func fakeGo(t *testing.T, dir, before string) (builds string) {
	t.Helper()
	builds = filepath.Join(t.TempDir(), "builds")
	script(t, dir, "go", fmt.Sprintf(`echo "$@" >>%q
%s
while [ "$1" != -o ]; do shift; done
cat >"$2" <<'END'
#!/bin/sh
%s
END
chmod +x "$2"`, builds, before, fakeServer))
	return builds
}

// options are those of a machine with nothing but what is in path.
func options(t *testing.T, path string, env ...string) Options {
	t.Helper()
	source := t.TempDir()
	for _, name := range []string{"main.go", "go.mod", "go.sum"} {
		require.NoError(t, os.WriteFile(filepath.Join(source, name), []byte(name), 0o644))
	}
	return Options{
		CacheDir:   t.TempDir(),
		findSource: func() (string, bool) { return source, true },
		Getenv: func(name string) string {
			if name == "PATH" {
				return path
			}
			for _, e := range env {
				if value, ok := strings.CutPrefix(e, name+"="); ok {
					return value
				}
			}
			return ""
		},
	}
}

// watch returns what is closed when the process that listens on address is gone.
func watch(t *testing.T, address string) <-chan struct{} {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		defer conn.Close()
		for b := make([]byte, 1<<10); ; {
			if _, err := conn.Read(b); err != nil {
				return
			}
		}
	}()
	return gone
}

func requireClosed(t *testing.T, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		require.FailNow(t, "still there: "+what)
	}
}

// startParent starts playParent and returns the address of its server.
func startParent(t *testing.T, env ...string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), append(env, envRole+"=parent", EnvAddress+"=", EnvNamespace+"=")...)
	parent.Stderr = os.Stderr
	stdout, err := parent.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, parent.Start())
	var address string
	require.NoError(t, json.NewDecoder(stdout).Decode(&address))
	return parent, address
}
