// Package pgtest gives tests a real Postgres. It starts one from the binaries of the machine, in a directory of its
// own, when a test first asks, and stops it when the test process ends, also when that is killed. A TestMain that runs
// its tests through [Main] waits until it has stopped.
package pgtest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver
)

// Required is the environment variable which, set to 1, makes a missing Postgres a failure and not a skip.
const Required = "VERDICT_REQUIRE_POSTGRES"

// shared is the one Postgres of this process.
var shared struct {
	sync.Mutex
	asked  bool
	server server
	err    error
}

var errNotStarted = errors.New("no test has asked for Postgres")

// cluster returns the Postgres of this process; wanted says to start it if it does not run yet.
func cluster(wanted bool) (server, error) {
	shared.Lock()
	defer shared.Unlock()
	if !shared.asked {
		if !wanted {
			return server{}, errNotStarted
		}
		shared.asked = true
		shared.server, shared.err = start("off")
	}
	return shared.server, shared.err
}

var databases atomic.Int64

// Start returns the url of a new, empty database in the Postgres of this test process. It skips the test when the
// machine has no Postgres, and fails it instead when [Required] is set to 1. The database is dropped when the test
// ends, and a deadlock in it fails the test, though the store tries such a transaction again.
func Start(tb testing.TB) string {
	tb.Helper()
	c, err := cluster(true)
	if errors.Is(err, errNoBinaries) && os.Getenv(Required) != "1" {
		tb.Skip("this test needs Postgres: ", err)
	}
	if err != nil {
		tb.Fatal("start Postgres: ", err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := c.exec("CREATE DATABASE " + name); err != nil {
		tb.Fatal("create a database: ", err)
	}
	tb.Cleanup(func() {
		if n, err := c.deadlocks(name); err != nil || n > 0 {
			tb.Errorf("%d deadlocks: two transactions take locks in different orders (%v)", n, err)
		}
		if err := c.exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
			tb.Error("drop the database: ", err)
		}
	})
	return c.url(name)
}

// Durable returns the url of an empty database in a Postgres of its own, whose commits are on the disk, as in production. Other
// tests have no use for that.
func Durable(tb testing.TB) string {
	tb.Helper()
	s, err := start("on")
	if errors.Is(err, errNoBinaries) {
		tb.Skip("this needs Postgres: ", err)
	}
	if err != nil {
		tb.Fatal("start Postgres: ", err)
	}
	tb.Cleanup(s.stop)
	return s.url("postgres")
}

// Program returns the path of one of Postgres's programs, such as pg_dump.
func Program(tb testing.TB, name string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	dir, err := binaries()
	if err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// Main returns m with Postgres stopped, if it was started, when Run returns.
func Main(m interface{ Run() int }) interface{ Run() int } { return stopper{m} }

type stopper struct{ m interface{ Run() int } }

func (s stopper) Run() int {
	code := s.m.Run()
	stopBouncer()
	if c, err := cluster(false); err == nil {
		c.stop()
	}
	return code
}

// server is a running Postgres.
type server struct {
	address string
	hold    io.Closer    // closing it stops the server
	ended   <-chan error // has the keeper's end
}

func (s server) stop() {
	s.hold.Close() // the keeper has ended already if this fails
	<-s.ended
}

func (s server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("verdict"), Host: s.address, Path: database, RawQuery: "sslmode=disable"}
	return u.String()
}

// deadlocks is how many Postgres has ended in a database.
func (s server) deadlocks(name string) (n int64, err error) {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return 0, err
	}
	defer db.Close()
	return n, db.QueryRowContext(context.Background(), `SELECT deadlocks FROM pg_stat_database WHERE datname = $1`, name).Scan(&n)
}

func (s server) exec(statement string) error {
	db, err := sql.Open("pgx", s.url("postgres"))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(context.Background(), statement)
	return err
}

var errNoBinaries = errors.New("neither PATH nor /usr/lib/postgresql has initdb and postgres")

// binaries returns the directory of initdb and postgres: the newest version's if there are several.
func binaries() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is valid
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	if initdb, err := exec.LookPath("initdb"); err == nil {
		dirs = append([]string{filepath.Dir(initdb)}, dirs...)
	}
	for _, dir := range dirs {
		_, errInit := os.Stat(filepath.Join(dir, "initdb"))
		_, errServer := os.Stat(filepath.Join(dir, "postgres"))
		if errInit == nil && errServer == nil {
			return dir, nil
		}
	}
	return "", errNoBinaries
}

func version(dir string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir))) // 0 if it is not a version
	return n
}

// script keeps the server and its directory for as long as this process holds the other end of its standard input,
// and takes both away when that closes, even after a kill. $1 is the directory of the binaries, $2 the port, $3 whether a
// commit is on the disk.
const script = `
dir=$(mktemp -d) || exit 1
trap '' INT TERM HUP
clean() { rm -rf "$dir"; }
trap clean EXIT
"$1/initdb" -D "$dir/data" -U verdict --auth=trust --no-sync --locale=C --encoding=UTF8 >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
"$1/postgres" -D "$dir/data" -p "$2" -h 127.0.0.1 -k "" -c fsync="$3" -c synchronous_commit="$3" -c full_page_writes="$3" \
	-c max_connections=200 -c shared_buffers=64MB >>"$dir/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -QUIT "$server"
wait "$server"
`

func start(durable string) (server, error) {
	dir, err := binaries()
	if err != nil {
		return server{}, err
	}
	port, err := freePort()
	if err != nil {
		return server{}, err
	}
	return keep(port, script, dir, strconv.Itoa(port), durable)
}

// keep runs a script that keeps a server for as long as its standard input is open.
func keep(port int, script string, args ...string) (_ server, err error) {
	keeper := exec.Command("sh", append([]string{"-c", script, "sh"}, args...)...)
	keeper.Dir = "/"
	if err := apart(keeper); err != nil {
		return server{}, err
	}
	keeper.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TMPDIR=" + os.TempDir()}
	var said bytes.Buffer
	keeper.Stderr = &said
	hold, err := keeper.StdinPipe() // closed at the latest by the end of this process
	if err != nil {
		return server{}, err
	}
	if err := keeper.Start(); err != nil {
		return server{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- keeper.Wait() }()
	s := server{net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), hold, ended}
	if err := s.await(&said); err != nil {
		hold.Close() // the keeper ends the rest
		return server{}, err
	}
	return s, nil
}

// startLimit is how long a server may take on a machine that does much else.
const startLimit = 5 * time.Minute

// await returns once the server answers.
func (s server) await(said *bytes.Buffer) error {
	deadline := time.After(startLimit)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		err := s.exec("SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case ending := <-s.ended:
			return fmt.Errorf("it ended: %w: %s", ending, said)
		case <-deadline:
			return fmt.Errorf("it does not answer: %w", err)
		case <-poll.C:
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
