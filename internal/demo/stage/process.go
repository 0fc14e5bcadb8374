package stage

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/internal/devserver"
)

// process is a process of the demo. It ends when the pipe to its standard input closes, so it never outlives its
// parent, even if that is killed.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	done  chan struct{} // closed once the process is gone
	err   error
}

// startProcess starts this program again as one of its hidden commands and waits until it is ready. The text after
// READY is decoded into answer.
func startProcess(ctx context.Context, name string, in input, stderr io.Writer, answer any) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, append([]string{name}, in.Connection...)...), done: make(chan struct{})}
	// A group of its own: an interrupt from the terminal is for the parent, which then ends its processes in order.
	devserver.OwnGroup(p.cmd)
	p.cmd.Stderr = stderr
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan error, 1)
	go func() {
		said := bufio.NewReader(stdout)
		ready <- readReady(said, answer)
		_, _ = io.Copy(io.Discard, said)
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	told, err := json.Marshal(in)
	if err == nil {
		_, err = stdin.Write(append(told, '\n'))
	}
	if err == nil {
		select {
		case err = <-ready:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

func readReady(r *bufio.Reader, answer any) error {
	for {
		line, err := r.ReadString('\n')
		if text, ok := strings.CutPrefix(line, "READY "); ok {
			return json.Unmarshal([]byte(text), answer)
		}
		if err != nil {
			return errors.New("ended before it was ready")
		}
	}
}

// stopLimit is how long a process may take to end by itself.
const stopLimit = 15 * time.Second

// stop ends the process and returns when it is gone.
func (p *process) stop() {
	_ = p.stdin.Close()
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// supervisor keeps a process running: one that is lost is started again.
type supervisor struct {
	start func(context.Context) (*process, error)
	lost  func(error)

	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	now    *process
}

func supervised(ctx context.Context, start func(context.Context) (*process, error), lost func(error)) (*supervisor, error) {
	first, err := start(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &supervisor{start: start, lost: lost, cancel: cancel, now: first}
	s.wg.Add(1)
	go s.watch(ctx)
	return s, nil
}

func (s *supervisor) watch(ctx context.Context) {
	defer s.wg.Done()
	for {
		p := s.now
		select {
		case <-ctx.Done():
			p.stop()
			return
		case <-p.done:
		}
		if ctx.Err() != nil {
			return
		}
		s.lost(p.err)
		next, err := s.start(ctx)
		for ; err != nil; next, err = s.start(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(500 * time.Millisecond):
			}
		}
		s.mu.Lock()
		s.now = next
		s.mu.Unlock()
	}
}

// pid is the process id of the process that runs now.
func (s *supervisor) pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.cmd.Process.Pid
}

func (s *supervisor) stop() {
	s.cancel()
	s.wg.Wait()
}
