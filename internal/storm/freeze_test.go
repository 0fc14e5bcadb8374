package storm

import (
	"database/sql"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
	"github.com/stretchr/testify/require"
)

// freeze stops every process of the Postgres at url, so that it answers nobody and refuses nobody, until the returned
// function is called. It goes on as well when this process ends, however that happens.
func freeze(t *testing.T, url string) (thaw func()) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	require.NoError(t, err)
	// One connection throughout: once the postmaster is stopped there are no new ones.
	db.SetMaxOpenConns(1)
	var file string
	require.NoError(t, db.QueryRow(`SELECT pg_read_file('postmaster.pid')`).Scan(&file))
	first, _, _ := strings.Cut(file, "\n")
	postmaster, err := strconv.Atoi(first)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(postmaster, syscall.SIGSTOP))
	pids := []string{first}
	rows, err := db.Query(`SELECT pid FROM pg_stat_activity`)
	require.NoError(t, err)
	var backends []int
	for rows.Next() {
		var pid int
		require.NoError(t, rows.Scan(&pid))
		backends = append(backends, pid)
		pids = append(pids, strconv.Itoa(pid))
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())

	// It waits until its input closes, which the end of this process does too.
	keeper := exec.Command("sh", append([]string{"-c", `cat >/dev/null; kill -CONT "$@"`, "sh"}, pids...)...)
	keeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	hold, err := keeper.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, keeper.Start())
	for _, pid := range backends {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // one may have ended since
	}
	thawed := false
	thaw = func() {
		if !thawed {
			thawed = true
			_ = hold.Close()
			_ = keeper.Wait() // a backend that has ended is no error
			_ = db.Close()
		}
	}
	t.Cleanup(thaw)
	return thaw
}
