package devserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// module is the path of the nested module that holds the embedded server.
const module = "github.com/verdict-dev/verdict/devserver"

const (
	cachePrefix = "devserver-"
	keepUnused  = 30 * 24 * time.Hour
)

// Build returns the embedded server's binary from the cache, or builds it there
// first: once per version of its source. Of several processes one builds and the
// others wait for it.
func Build(ctx context.Context, o Options) (string, error) {
	o = o.withDefaults()
	source, ok := o.findSource()
	if !ok {
		return "", errNoServer("no temporal command is on the PATH, and this is not a clone of the repository")
	}
	if o.CacheDir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		o.CacheDir = filepath.Join(cache, "verdict")
	}
	name, err := binaryName(source)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(o.CacheDir, name)
	if cached(binary) {
		return binary, nil
	}
	if o.NoBuild {
		return "", errNoServer("the embedded server is not built yet (go run ./internal/devserver/build)")
	}
	goCommand, ok := lookPath(o, "go")
	if !ok {
		return "", errNoServer("neither temporal nor go is on the PATH")
	}

	if err := os.MkdirAll(o.CacheDir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lock(ctx, filepath.Join(o.CacheDir, "build.lock"), o.Log)
	if err != nil {
		return "", fmt.Errorf("wait for another build of the embedded Temporal server: %w", err)
	}
	defer unlock()
	if cached(binary) { // by the process that had the lock
		return binary, nil
	}
	if err := build(ctx, goCommand, source, binary, o.Log); err != nil {
		return "", fmt.Errorf("build the embedded Temporal server: %w", err)
	}
	removeUnused(o.CacheDir)
	return binary, nil
}

// findSource looks next to the source of this package, then from the working directory upwards.
func findSource() (string, bool) {
	var roots []string
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		roots = append(roots, filepath.Join(filepath.Dir(file), "..", ".."))
	}
	if dir, err := os.Getwd(); err == nil {
		for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			roots = append(roots, dir)
		}
	}
	for _, root := range roots {
		source := filepath.Join(root, "devserver")
		text, err := os.ReadFile(filepath.Join(source, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+module+"\n") {
			return source, true
		}
	}
	return "", false
}

// binaryName is different for every source, toolchain and platform.
func binaryName(source string) (string, error) {
	files, err := filepath.Glob(filepath.Join(source, "*.go"))
	if err != nil {
		return "", err
	}
	files = append(files, filepath.Join(source, "go.mod"), filepath.Join(source, "go.sum"))
	slices.Sort(files)
	h := sha256.New()
	fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, filepath.Base(file), len(text))
		h.Write(text)
	}
	name := cachePrefix + hex.EncodeToString(h.Sum(nil))[:16]
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return name, nil
}

// cached also marks the binary as used, for removeUnused.
func cached(binary string) bool {
	info, err := os.Stat(binary)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	now := time.Now()
	_ = os.Chtimes(binary, now, now) // at worst it is built again in a month
	return true
}

func build(ctx context.Context, goCommand, source, binary string, log io.Writer) error {
	temp, err := os.CreateTemp(filepath.Dir(binary), cachePrefix+"*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone after the rename
	if err := temp.Close(); err != nil {
		return err
	}
	// The dependencies are compiled with the flags of a plain go build or go vet,
	// so that these find them in Go's cache.
	cmd := exec.CommandContext(ctx, goCommand, "-C", source, "build",
		"-buildvcs=false", "-ldflags=-s -w", "-o", temp.Name(), ".")
	cmd.Env = append(os.Environ(), "GOWORK=off")
	output := &tail{}
	cmd.Stdout, cmd.Stderr = output, output
	OwnGroup(cmd)
	cmd.Cancel = func() error { killGroup(cmd); return nil }
	cmd.WaitDelay = time.Second

	start := time.Now()
	fmt.Fprintf(log, "Building the embedded Temporal server: about 5 minutes on two cores, once. It is kept in %s\n",
		filepath.Dir(binary))
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-minute.C:
			fmt.Fprintf(log, "  still building, %v\n", time.Since(start).Round(time.Second))
			continue
		case err = <-done:
		}
		break
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, output)
	}
	if err := os.Rename(temp.Name(), binary); err != nil {
		return err
	}
	fmt.Fprintf(log, "Built the embedded Temporal server in %v\n", time.Since(start).Round(100*time.Millisecond))
	return nil
}

// lock returns when this process alone holds the file's lock.
func lock(ctx context.Context, file string, log io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	told := false
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		ok, err := tryLock(f)
		if ok {
			return func() { _ = f.Close() }, nil
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if !told {
			fmt.Fprintln(log, "Waiting for another process that builds the embedded Temporal server")
			told = true
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), f.Close())
		case <-again.C:
		}
	}
}

// removeUnused deletes binaries of other versions that have not been used for long.
func removeUnused(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, cachePrefix+"*"))
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && time.Since(info.ModTime()) > keepUnused {
			_ = os.Remove(file) // Windows keeps one that runs
		}
	}
}
