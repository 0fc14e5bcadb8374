package devserver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// stopLimit is how long a server may take to stop before it is killed. The
// embedded server gives itself 10 seconds.
const stopLimit = 12 * time.Second

// process is a child that lives until the write end of its standard input closes:
// the operating system does that for a parent that was killed.
type process struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stderr *tail
	exited chan struct{}
	err    error // how it exited; read it after exited is closed

	// bySignal means that a signal ends it, so its exit code is meaningless.
	bySignal bool
}

func startProcess(cmd *exec.Cmd, stdout, log io.Writer) (*process, error) {
	p := &process{cmd: cmd, stderr: &tail{tee: log}, exited: make(chan struct{})}
	OwnGroup(cmd)
	cmd.Stdout, cmd.Stderr = stdout, p.stderr
	cmd.WaitDelay = time.Second
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// await runs ready until the process serves. A process that does not get there is stopped, and the end of its output is
// part of the error.
func (p *process) await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startLimit, fmt.Errorf("no answer after %v", startLimit))
	defer cancel()
	ctx, end := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-p.exited:
			end(fmt.Errorf("it ended: %w", cmp.Or(p.err, errors.New("exit status 0"))))
		case <-ctx.Done():
		}
	}()
	err := ready(ctx)
	end(nil)
	<-watched
	if err == nil {
		return nil
	}
	_ = p.stop() // err says more
	if words := p.stderr.String(); words != "" {
		err = fmt.Errorf("%w; it said:\n%s", err, words)
	}
	return err
}

func (p *process) stop() error {
	_ = p.stdin.Close() // fails only if the process has ended
	if p.bySignal && !cliEndsWithInput {
		killGroup(p.cmd)
	}
	limit := time.NewTimer(stopLimit)
	defer limit.Stop()
	select {
	case <-p.exited:
		if p.bySignal {
			return nil
		}
		return p.err
	case <-limit.C:
	}
	killGroup(p.cmd)
	<-p.exited
	return fmt.Errorf("the Temporal server did not stop within %v and was killed", stopLimit)
}

// readyWriter waits for the READY line of the embedded server.
type readyWriter struct {
	text []byte // the line so far
	done bool
	line chan []byte
}

func newReadyWriter() *readyWriter { return &readyWriter{line: make(chan []byte, 1)} }

// Write is called by one goroutine, as os/exec promises.
func (w *readyWriter) Write(b []byte) (int, error) {
	if w.done {
		return len(b), nil
	}
	w.text = append(w.text, b...)
	for {
		line, rest, ok := bytes.Cut(w.text, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		w.text = rest
		if ready, ok := bytes.CutPrefix(line, []byte("READY ")); ok {
			w.line <- ready
			w.done = true
			return len(b), nil
		}
	}
}

func (w *readyWriter) wait(ctx context.Context, s *Server) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case ready := <-w.line:
		var r struct{ Address, Namespace, UI string }
		if err := json.Unmarshal(ready, &r); err != nil {
			return fmt.Errorf("it said READY %s: %w", ready, err)
		}
		s.Address, s.Namespace, s.UIURL = r.Address, r.Namespace, r.UI
		return nil
	}
}

// tail keeps the end of its input and passes all of it on.
type tail struct {
	tee io.Writer // may be nil

	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if over := len(t.text) - tailSize; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	if t.tee != nil {
		_, _ = t.tee.Write(b) // a log that cannot be written stops no server
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
