//go:build unix

package pgtest

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

// apart runs a command in a group of its own, since an interrupt at the terminal is ours to handle, and not as root.
func apart(cmd *exec.Cmd) error {
	who, err := unprivileged()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: who}
	return err
}

// unprivileged returns the user that Postgres runs as when the tests run as root, as which it refuses to run.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(errUID, errGID); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("the tests run as root, and there is no user postgres or nobody to run Postgres as")
}
