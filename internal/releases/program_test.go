package releases

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/internal/harness"
)

// programVariable tells a process of the test binary which program it is: those of the code under test.
const programVariable = "VERDICT_RELEASES_PROGRAM"

// today is the code under test, where the name of a release is asked for.
const today = ""

// built are the folders of the programs of releases.
var built sync.Map

// ours are the programs of a release, by their package.
var ours = map[string]string{
	"worker": "./worker", "starter": "./starter", "user": "./" + userProgram + "/worker", "direct": "./" + userProgram + "/direct/worker",
}

// programs returns the folder of a release's programs. They are built from the source that was
// recorded, once for a source and a toolchain, where Go keeps what it has built.
func programs(t *testing.T, release string) string {
	t.Helper()
	once, _ := built.LoadOrStore(release, sync.OnceValues(func() (string, error) { return buildPrograms(release) }))
	dir, err := once.(func() (string, error))()
	require.NoError(t, err)
	return dir
}

func buildPrograms(release string) (string, error) {
	packed, err := os.ReadFile(filepath.Join(fixtures, release, sourceFile))
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	h.Write(packed)
	laid, err := filesIn(filepath.Join(fixtures, release, "user"))
	if err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(laid)) {
		fmt.Fprintln(h, name, len(laid[name]))
		h.Write(laid[name])
	}
	root := filepath.Join(cache, "verdict", "releases", release+"-"+hex.EncodeToString(h.Sum(nil))[:16])
	to := filepath.Join(root, "bin")
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return "", err
	}
	// In a folder that is always the same, so that what Go has compiled serves again.
	source := filepath.Join(root, "source")
	if err := unpack(packed, source); err != nil {
		return "", err
	}
	for name, text := range laid {
		file := filepath.Join(source, filepath.FromSlash(userProgram), filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, text, 0o644)); err != nil {
			return "", err
		}
	}
	temp, err := os.MkdirTemp(root, "bin-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp) // gone after the rename
	for name, pkg := range ours {
		cmd := exec.Command("go", "-C", source, "build", "-buildvcs=false", "-ldflags=-s -w", "-o", filepath.Join(temp, name), pkg)
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s of %s: %w\n%s", name, release, err, out)
		}
	}
	if err := os.Rename(temp, to); err != nil && !errors.Is(err, os.ErrExist) {
		if _, there := os.Stat(to); there != nil { // another process was faster
			return "", err
		}
	}
	return to, nil
}

// unpack writes the files of a compressed archive of ours.
func unpack(packed []byte, to string) error {
	data, err := unzip(packed)
	if err != nil {
		return err
	}
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		file := filepath.Join(to, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		// Another process may be building from it.
		if there, err := os.ReadFile(file); err == nil && bytes.Equal(there, text) {
			continue
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
}

// command returns a program of a release, or of today, with an environment of its own.
func command(t *testing.T, release, program string, env map[string]string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	if release != today {
		path = filepath.Join(programs(t, release), program)
	}
	cmd := exec.Command(path, args...)
	if program == "worker" {
		// It ends with this process, however that ends.
		cmd = exec.Command("sh", append([]string{"-c", `"$@" </dev/null & trap '' TERM INT; cat >/dev/null; kill -TERM $!; wait $!`, "sh", path}, args...)...)
	}
	cmd.Env = append(os.Environ(), "TEMPORAL_CONFIG_FILE="+filepath.Join(t.TempDir(), "none.toml"), programVariable+"="+program)
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// process is a program that runs until it is stopped, or the test ends.
type process struct {
	stop    func()
	said    *harness.Log // on both of its outputs
	address string       // of a verdict worker's HTTP
}

func start(t *testing.T, cmd *exec.Cmd) process {
	t.Helper()
	p := process{said: &harness.Log{}}
	cmd.Stdout, cmd.Stderr = p.said, p.said
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p.stop = sync.OnceFunc(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s:\n%s", cmd, noteworthy(p.said.String()))
		}
	})
	return p
}

// noteworthy is a log without what is always in it.
func noteworthy(log string) string {
	var lines []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, " DEBUG ") && !strings.Contains(line, "level=INFO msg=setting") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// startUser starts a worker of the user's of a release: user, or direct.
func startUser(t *testing.T, release, program string, env map[string]string) process {
	t.Helper()
	p := start(t, command(t, release, program, env))
	harness.Eventually(t, harness.Patience, func() error {
		if !p.said.Contains("ready\n") {
			return errors.New("it is not ready: " + p.said.String())
		}
		return nil
	})
	return p
}

// startWorker starts the verdict worker of a release, and returns where it says whether it is ready.
func startWorker(t *testing.T, release string, env map[string]string) (p process, ready func() error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	own := map[string]string{"VERDICT_HTTP": address}
	for name, value := range env {
		own[name] = value
	}
	p = start(t, command(t, release, "worker", own))
	p.address = address
	probe := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	ready = func() error {
		res, err := probe.Get("http://" + address + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		said, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = errors.New(string(said))
		}
		return err
	}
	harness.Eventually(t, harness.Patience, func() error {
		if err := ready(); err != nil {
			return fmt.Errorf("%w\n%s", err, p.said)
		}
		return nil
	})
	return p, ready
}
