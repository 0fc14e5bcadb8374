//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package devserver

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// OwnGroup keeps a terminal's Ctrl-C from the child: it goes to the whole
// foreground group, and the server must outlive the workers that use it.
func OwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// tryLock reports whether it got the lock, which the operating system gives back
// when f is closed or this process ends.
func tryLock(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return err == nil, err
}

// cliEndsWithInput means that the command of cliCommand ends with its standard input.
const cliEndsWithInput = true

// cliCommand makes a command that ignores its standard input end with it: one shell waits for the command, and another
// in parallel for the end of the input.
func cliCommand(path string, args ...string) *exec.Cmd {
	const script = `exec 3<&0
"$@" </dev/null 3<&- &
command=$!
{ while read -r _; do :; done; kill -TERM "$command"; } <&3 >/dev/null 2>&1 &
watch=$!
wait "$command"
status=$?
kill "$watch" 2>/dev/null
exit "$status"`
	return exec.Command("/bin/sh", append([]string{"-c", script, "sh", path}, args...)...)
}
