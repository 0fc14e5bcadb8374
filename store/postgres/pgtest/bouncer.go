package pgtest

import (
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// BouncerRequired is the environment variable which, set to 1, makes a missing PgBouncer a failure and not a skip.
const BouncerRequired = "VERDICT_REQUIRE_PGBOUNCER"

// bouncer is the one PgBouncer of this process.
var bouncer struct {
	sync.Mutex
	asked  bool
	server server
	err    error
}

// Bouncer returns the url of the same database through a PgBouncer in transaction mode, with few connections, so that each
// transaction of a client may get another one. It skips the test when the machine has no PgBouncer, and fails it instead
// when [BouncerRequired] is set to 1.
func Bouncer(tb testing.TB, dsn string) string {
	tb.Helper()
	path, err := lookBouncer()
	if err != nil && os.Getenv(BouncerRequired) != "1" {
		tb.Skip("this test needs PgBouncer: ", err)
	}
	if err != nil {
		tb.Fatal("start PgBouncer: ", err)
	}
	c, err := cluster(true)
	if err != nil {
		tb.Fatal("start Postgres: ", err)
	}
	bouncer.Lock()
	defer bouncer.Unlock()
	if !bouncer.asked {
		bouncer.asked = true
		bouncer.server, bouncer.err = startBouncer(path, c.address)
	}
	if bouncer.err != nil {
		tb.Fatal("start PgBouncer: ", bouncer.err)
	}
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal(err)
	}
	u.Host = bouncer.server.address
	return u.String()
}

// stopBouncer stops what [Bouncer] started.
func stopBouncer() {
	bouncer.Lock()
	defer bouncer.Unlock()
	if bouncer.asked && bouncer.err == nil {
		bouncer.server.stop()
	}
}

func lookBouncer() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	const debian = "/usr/sbin/pgbouncer" // which is not in every user's PATH
	if _, err := os.Stat(debian); err == nil {
		return debian, nil
	}
	return "", errors.New("neither PATH nor /usr/sbin has pgbouncer")
}

// bouncerScript keeps PgBouncer as script keeps Postgres; SIGTERM ends it at once. $1 is its path, $2 the port, $3 and
// $4 host and port of Postgres.
const bouncerScript = `
dir=$(mktemp -d) || exit 1
trap '' INT TERM HUP
clean() { rm -rf "$dir"; }
trap clean EXIT
echo '"verdict" ""' >"$dir/users"
cat >"$dir/ini" <<END
[databases]
* = host=$3 port=$4
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $2
unix_socket_dir =
auth_type = trust
auth_file = $dir/users
pool_mode = transaction
default_pool_size = 3
max_client_conn = 500
ignore_startup_parameters = options
END
"$1" -q "$dir/ini" >"$dir/log" 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -TERM "$server"
wait "$server"
`

func startBouncer(path, postgres string) (server, error) {
	port, err := freePort()
	if err != nil {
		return server{}, err
	}
	host, postgresPort, _ := strings.Cut(postgres, ":")
	return keep(port, bouncerScript, path, strconv.Itoa(port), host, postgresPort)
}
