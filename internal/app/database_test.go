package app

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestDatabaseNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"verdict.db": "verdict.db", ":memory:": ":memory:", "file:verdict.db?mode=rwc": "file:verdict.db?mode=rwc",
		"./a=b.db": "./a=b.db", "/tmp/host=x": "/tmp/host=x", "//tmp/verdict.db": "//tmp/verdict.db", "my scores?.db": "my scores?.db",
		"me@home.db": "me@home.db", `C:\verdict.db`: `C:\verdict.db`,
		"postgres://u:p@h/d\n": "postgres://u:xxxxx@h:5432/d", " host=h password=p user=u dbname=d ": "postgres://u:xxxxx@h:5432/d",
	} {
		var to string
		require.NoError(t, databaseOf(&to)(name), name)
		require.Equal(t, want, maskDatabase(name))
		require.Equal(t, want, maskDatabase(to))
	}
	for name, why := range map[string]string{
		"": "must be the path", " ": "must be the path", "mysql://u:hunter2@h": "mysql:// is not a known", "POSTGRES://u:hunter2@h/d": "POSTGRES:// is not",
		"u:/hunter2@h/d": "a file, or a connection", `u:\hunter2@h/d`: "a file, or a connection", "u:hunter2@h://x": "that is not a known kind of database", "u:hunter2@h/d": "a file, or a connection", "//u:hunter2@h/d": "a file, or a connection",
		"pasword=hunter2": "a file, or a connection", "verdict.db password=hunter2": "a file, or a connection",
		"Server=h;Password=hunter2": "a file, or a connection", `"postgres://u:hunter2@h/d"`: "that is not a known kind of database",
		"file:v.db?_auth_pass=hunter2": "and no other parameter", "file://host/v.db": "absolute path", "postgres://u:hun@ter2@h/d": "%40",
	} {
		var to string
		err := databaseOf(&to)(name)
		require.ErrorContains(t, err, why, name)
		require.Empty(t, to)
		for _, shown := range []string{err.Error(), maskDatabase(name)} {
			require.NotContains(t, shown, "hunter2")
			require.NotContains(t, shown, "ter2")
		}
	}
}

// A file that was looked for is the file that is opened, however it is named.
func TestStarterReadsTheFileThatIsNamed(t *testing.T) {
	t.Chdir(filepath.Dir(database(t)))
	for _, name := range []string{"verdict.db", "./verdict.db", "file:verdict.db", "file:verdict.db?mode=rwc", "file:./verdict%2Edb#x"} {
		got := call(t, RunStarter, []string{away, "VERDICT_DB=" + name}, "ledger", "--state", "matched")
		require.NoError(t, got.err, name)
		got = call(t, RunStarter, []string{away}, "report", "--db", name)
		require.NoError(t, got.err, name)
		require.Contains(t, got.stdout, "prompt", name)
	}
	for _, name := range []string{"file:other.db", "file:verdict.db%3Fmode=rwc", "verdict.db?mode=rwc", ":memory:", "file::memory:"} {
		got := call(t, RunStarter, []string{away}, "report", "--db", name)
		require.True(t, isUsage(got.err), "%s: %v", name, got.err)
	}
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

// odd are texts that a connection gives a meaning to, when they stand in a password.
var odd = []string{"", "@", "/", "?", "#", " ", "'", `\`, "%", "&", "=", ":", "x=y@", "\n"}

var hosts = []string{"127.0.0.1:1", "[::1]:1", "127.0.0.1:port"}

// connections returns a connection in every form that some program takes, with the password in it, well made or not.
func connections(password, host string) []string {
	quoted := "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(password) + "'"
	return []string{
		"postgres://u:" + password + "@" + host + "/d",
		" postgres://u:" + password + "@" + host + "/d\n",
		`"postgres://u:` + password + "@" + host + `/d"`,
		"POSTGRES://u:" + password + "@" + host + "/d",
		"postgres:/u:" + password + "@" + host + "/d",
		"//u:" + password + "@" + host + "/d",
		"u:" + password + "@" + host + "/d",
		"postgresql://" + host + "/d?user=u&password=" + password,
		"postgresql://u@" + host + "/d?sslmode=disable&sslpassword=" + password,
		"jdbc:postgresql://" + host + "/d?user=u&password=" + password,
		"mysql://u:" + password + "@tcp(" + host + ")/d",
		"Server=127.0.0.1;Password=" + password,
		"PGPASSWORD=" + password,
		"pasword=" + password + " hostname=127.0.0.1",
		"host=127.0.0.1 port=1 password=" + password,
		"host=127.0.0.1 port=1 sslmode=disable password = " + quoted + " sslpassword=" + quoted,
		"host=127.0.0.1 port=1 pasword=" + quoted,
		"verdict.db password=" + password,
		"file:verdict.db?_auth_pass=" + password,
	}
}

func drawConnection(t *rapid.T, secret string) string {
	password := rapid.SampledFrom(odd).Draw(t, "before") + secret + rapid.SampledFrom(odd).Draw(t, "after")
	if rapid.Bool().Draw(t, "escaped") {
		password = url.QueryEscape(password)
	}
	return rapid.SampledFrom(connections(password, rapid.SampledFrom(hosts).Draw(t, "host"))).Draw(t, "form")
}

// No way to write a secret into a connection makes the mask or the refusal show it.
func TestNoFormOfAConnectionShowsItsSecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, before := range odd {
		for _, after := range odd {
			for _, password := range []string{before + secret + after, url.QueryEscape(before + secret + after)} {
				for _, host := range hosts {
					for _, db := range connections(password, host) {
						var to string
						if err := databaseOf(&to)(db); err != nil {
							require.NotContains(t, err.Error(), secret, db)
						}
						require.NotContains(t, maskDatabase(db), secret, db)
					}
				}
			}
		}
	}
}

// aWord tells whether a text has a word that begins with another: one that stands alone is no part of a connection.
func aWord(text, begin string) bool {
	return slices.ContainsFunc(strings.Fields(text), func(w string) bool { return strings.HasPrefix(w, begin) })
}

// Whatever a program says of a connection, it says nothing of its secret.
func TestNoSecretOfAConnectionIsSaid(t *testing.T) {
	t.Chdir(t.TempDir())
	rapid.Check(t, func(r *rapid.T) {
		secret := "s3" + rapid.StringMatching(`[a-z0-9]{6}`).Draw(r, "secret")
		db := drawConnection(r, secret)
		env, args := []string{away, "VERDICT_DB=" + db}, []string(nil)
		switch how := rapid.SampledFrom([]string{"variable", "flag", "unquoted"}).Draw(r, "how"); {
		case how == "flag":
			env, args = env[:1], []string{"--db", db}
		case how == "unquoted" && !strings.Contains(db, "@") && !aWord(db, secret): // a part of a URL is another URL
			env, args = env[:1], append([]string{"--db"}, strings.Fields(db)...)
		}
		for _, command := range [][]string{
			{"worker"}, {"worker", "--check"}, {"worker", "--check", "--offline"}, {"report"}, {"ledger"}, {"migrate"}, {"migrate", "--dry-run"},
			{"reconcile", "--dry-run"}, {"copy", "--to", "none/copy.db"}, {"copy", "--from", "none/verdict.db"}, {"prune", "--unclaimed-older-than", "1h"}, {"demo"},
		} {
			run, given := RunStarter, append(command, args...)
			if command[0] == "worker" {
				run, given = RunWorker, given[1:]
			}
			if command[0] == "copy" {
				given = append(command, map[string]string{"--to": "--from", "--from": "--to"}[command[1]], db)
			}
			if command[0] == "demo" && (len(args) == 0 || !strings.Contains(db, "ostgres")) {
				continue // it would begin
			}
			got := call(t, run, env, given...)
			var b bytes.Buffer
			if got.err != nil {
				printError(&b, got.err)
			}
			require.True(r, b.Len() > 0 || slices.Contains(command, "--offline"), "%v of %q", command, db)
			for _, said := range []string{got.stdout, got.stderr, b.String()} {
				require.NotContains(r, said, secret, "%v of %q", command, db)
			}
		}
	})
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	require.Empty(t, entries, "none of them is a file")
}
