//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package devserver

import (
	"os"
	"os/exec"
)

// OwnGroup does nothing here: there are no groups to signal.
func OwnGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// tryLock locks nothing here. Two builds at once take longer and do no harm: each
// builds under a name of its own.
func tryLock(*os.File) (bool, error) { return true, nil }

const cliEndsWithInput = false

// cliCommand leaves the command running when this process is killed: only the
// embedded server watches its standard input by itself.
func cliCommand(path string, args ...string) *exec.Cmd { return exec.Command(path, args...) }
