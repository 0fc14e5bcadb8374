package app

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcomeOf is what a program did.
type outcomeOf struct {
	stdout, stderr string
	err            error
}

// call runs a program with buffers. Its environment is env and no file of this machine.
func call(t *testing.T, run func(context.Context, Options) error, env []string, args ...string) outcomeOf {
	t.Helper()
	return callContext(t.Context(), t, run, env, args...)
}

func callContext(ctx context.Context, t *testing.T, run func(context.Context, Options) error, env []string, args ...string) outcomeOf {
	t.Helper()
	var out, errs bytes.Buffer
	env = append([]string{"TEMPORAL_CONFIG_FILE=" + filepath.Join(t.TempDir(), "none.toml")}, env...)
	err := run(ctx, Options{Args: args, Stdin: &bytes.Buffer{}, Stdout: &out, Stderr: &errs, Environ: env})
	return outcomeOf{out.String(), errs.String(), err}
}

func TestSupervise(t *testing.T) {
	t.Parallel()
	t.Run("success is 0", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		require.Equal(t, 0, supervise(nil, &b, func(context.Context) error { return nil }))
		require.Empty(t, b.String())
	})
	t.Run("an error is 1, with a line for each mistake", func(t *testing.T) {
		t.Parallel()
		var b bytes.Buffer
		err := errors.Join(errors.New("one"), errors.Join(errors.New("two"), errors.New("three")))
		require.Equal(t, 1, supervise(nil, &b, func(context.Context) error { return err }))
		require.Equal(t, "error: one\nerror: two\nerror: three\n", b.String())
	})
	t.Run("a signal stops", func(t *testing.T) {
		t.Parallel()
		signals := make(chan os.Signal, 1)
		signals <- syscall.SIGTERM
		require.Equal(t, 0, supervise(signals, &bytes.Buffer{}, func(ctx context.Context) error { <-ctx.Done(); return nil }))
	})
	t.Run("a second signal does not wait", func(t *testing.T) {
		t.Parallel()
		signals := make(chan os.Signal, 2)
		signals <- syscall.SIGTERM
		signals <- syscall.SIGTERM
		release := make(chan struct{})
		defer close(release)
		require.Equal(t, 1, supervise(signals, &bytes.Buffer{}, func(context.Context) error { <-release; return nil }))
	})
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	e := environ{"A=1", "B", "A=2=3", "C="}
	v, ok := e.LookupEnv("A")
	require.True(t, ok)
	require.Equal(t, "2=3", v)
	v, ok = e.LookupEnv("C")
	require.True(t, ok)
	require.Empty(t, v)
	_, ok = e.LookupEnv("B")
	require.False(t, ok)
}
