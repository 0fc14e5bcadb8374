package app

import (
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// What is away is said, all of it, and nothing is made.
func TestCheckSaysWhatIsAway(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	got := call(t, RunWorker, []string{away}, "--check", "--db", filepath.Join(dir, "none", "verdict.db"))
	require.ErrorContains(t, got.err, "no Temporal server at 127.0.0.1:1")
	require.ErrorContains(t, got.err, "database "+filepath.Join(dir, "none", "verdict.db"))
	require.Equal(t, "the configuration is valid\n", got.stdout)

	got = call(t, RunWorker, []string{away}, "--check", "--db", "postgres://u:hunter2@127.0.0.1:1/d")
	require.ErrorContains(t, got.err, "no Temporal server at 127.0.0.1:1")
	require.ErrorContains(t, got.err, "database postgres://u:xxxxx@127.0.0.1:1/d")
	got = call(t, RunWorker, []string{away}, "--check", "--offline", "--db", "postgres://u:hunter2@127.0.0.1:1/d")
	require.NoError(t, got.err)
	got = call(t, RunWorker, []string{away}, "--offline")
	require.EqualError(t, got.err, "--offline goes with --check")
	require.True(t, isUsage(got.err))
}

func TestCheckReachesTemporal(t *testing.T) {
	t.Parallel()
	server := devservertest.ForTest(t)
	namespace := server.NewNamespace(t)
	env := []string{"TEMPORAL_ADDRESS=" + server.Address, "VERDICT_DB=:memory:"}
	got := call(t, RunWorker, env, "--check", "-n", namespace, "--search-attributes=false")
	require.NoError(t, got.err)
	require.Equal(t, "the configuration is valid\nTemporal answers at "+server.Address+", namespace "+namespace+"\nthe database is in memory: :memory:\n", got.stdout)
	got = call(t, RunWorker, env, "--check", "-n", "nobodys")
	require.ErrorContains(t, got.err, "namespace nobodys at "+server.Address)

	c := server.Dial(t, client.Options{Namespace: namespace})
	t.Cleanup(c.Close)
	got = call(t, RunWorker, env, "--check", "-n", namespace)
	if got.err != nil { // whether a new namespace has them is the server's
		require.ErrorContains(t, got.err, "run `starter setup`")
	}
}

func TestCheckOfADatabase(t *testing.T) {
	t.Parallel()
	said := func(db string) string {
		t.Helper()
		c := workerConfig{db: db}
		text, err := c.checkDatabase(t.Context())
		require.NoError(t, err)
		return text
	}
	refused := func(db string) string {
		t.Helper()
		c := workerConfig{db: db}
		_, err := c.checkDatabase(t.Context())
		require.Error(t, err)
		return err.Error()
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "none.db")
	require.Equal(t, "the database will be made: "+path, said(path))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.Contains(t, refused("file:"+path+"?mode=rw"), "no such file")

	path = filepath.Join(t.TempDir(), "verdict.db")
	made, err := openStore(t.Context(), path)
	require.NoError(t, err)
	require.NoError(t, made.Close())
	require.Equal(t, "the database is up to date: "+path, said(path))
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	_, err = db.ExecContext(t.Context(), `INSERT INTO verdict_schema (version) VALUES (999)`)
	require.NoError(t, err)
	require.Contains(t, refused(path), "newer release")
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("this is no database, however long one looks at it"), 0o600))
	require.Contains(t, refused(text), "not a database")
	require.NoError(t, os.WriteFile(text, nil, 0o600))
	require.Equal(t, "the database will be brought up to date: "+text, said(text))

	url := pgtest.Start(t)
	require.Contains(t, refused(url), "starter migrate")
	require.NoError(t, postgres.Migrate(t.Context(), url))
	require.Equal(t, "the database answers: "+maskDatabase(url), said(url))
}

// A worker says once that others may read its database.
func TestExposedDatabaseIsSaid(t *testing.T) {
	t.Parallel()
	path := database(t)
	require.NoError(t, os.Chmod(path, 0o644))
	got := call(t, RunWorker, []string{away, "VERDICT_HTTP=127.0.0.1:0"}, "--db", path)
	require.ErrorContains(t, got.err, "no Temporal server")
	require.Equal(t, 1, strings.Count(got.stderr, "others on this host may read the database"))
	require.Contains(t, got.stderr, path)
	require.NoError(t, os.Chmod(path, 0o600))
	got = call(t, RunWorker, []string{away, "VERDICT_HTTP=127.0.0.1:0"}, "--db", path)
	require.NotContains(t, got.stderr, "others on this host")
}

func TestUnknownVariables(t *testing.T) {
	t.Parallel()
	env := []string{
		away, "VERDICT_GITHUB_SECERT=hunter2", "TEMPORAL_NAMESPCE=hunter2", "verdict_db=hunter2", "TEMPORAL_GRPC_META_AUTHORIZATION=hunter2",
		"TEMPORAL_FRONTEND_SERVICE_HOST=hunter2", "VERDICT_PORT_8080_TCP_ADDR=hunter2", "VERDICTS=hunter2", "VERDICT_GITHUB_SECERT=again",
		"TEMPORAL_DEBUG=1", "VERDICT_GITHUB_URL=https://github.example.com",
	}
	got := call(t, RunWorker, env, "--check", "--offline")
	require.NoError(t, got.err)
	require.Equal(t, `warning: VERDICT_GITHUB_SECERT is not a known variable; did you mean VERDICT_GITHUB_SECRET?
warning: TEMPORAL_NAMESPCE is not a known variable; did you mean TEMPORAL_NAMESPACE?
warning: verdict_db is not a known variable; did you mean VERDICT_DB?
`, got.stderr)
	got = call(t, RunWorker, append(env, "VERDICT_HTTP=127.0.0.1:0"), "--db", ":memory:")
	require.Error(t, got.err)
	require.Equal(t, 3, strings.Count(got.stderr, "unknown variable"))
	require.NotContains(t, got.stderr, "hunter2")
}

// Every variable that some program of ours reads is known, and those that the SDK's configuration has.
func TestKnownVariablesAreAll(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "go.temporal.io/sdk/contrib/envconfig").Output()
	require.NoError(t, err)
	named, known := regexp.MustCompile(`"((?:VERDICT|TEMPORAL)_[A-Z0-9_]+)"`), knownVariables()
	for dir, least := range map[string]int{".": 20, "../devserver": 1, "../../storeworker": 0, strings.TrimSpace(string(out)): 15} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		found := 0
		require.NotEmpty(t, files)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, name := range named.FindAllStringSubmatch(string(text), -1) {
				found++
				require.True(t, isKnown(known, name[1]) || strings.HasSuffix(name[1], "_META_"), "%s of %s", name[1], file)
			}
		}
		require.GreaterOrEqual(t, found, least, dir)
	}
}
