package app

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const standardSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestCheck(t *testing.T) {
	t.Parallel()
	got := call(t, RunWorker, []string{
		"VERDICT_STANDARD_WEBHOOKS_SECRET=" + standardSecret + "," + standardSecret, "VERDICT_GITHUB_SECRET=g",
		"VERDICT_STRIPE_SECRET=s", "VERDICT_SLACK_SECRET=s", "VERDICT_CLOUDEVENTS_TOKEN=c", "VERDICT_HMAC_SECRET=h",
		"VERDICT_TOKEN_KEY=" + strings.Repeat("k", 32),
	}, "--check", "--offline", "--db", ":memory:")
	require.NoError(t, got.err)
	require.Equal(t, "the configuration is valid\n", got.stdout)
}

func TestEveryMistakeIsListedAtOnce(t *testing.T) {
	t.Parallel()
	got := call(t, RunWorker, []string{
		"VERDICT_DB=mysql://user:hunter2@host/db", "VERDICT_HTTP=nope", "VERDICT_GITHUB_SECRET=", "VERDICT_SLACK_SECRET=a,,b",
		"VERDICT_STANDARD_WEBHOOKS_SECRET=hunter2", "VERDICT_TOKEN_KEY=short", "TEMPORAL_DEPLOYMENT_NAME=scores",
		"TEMPORAL_TLS_CLIENT_CERT_PATH=/nowhere", "VERDICT_ACTIVITY_POLLERS=-1",
	}, "--task-queue", " ", "--stop-timeout", "soon", "--workflow-pollers=1", "--log-format", "xml", "--log-level", "loud",
		"--search-attributes=perhaps", "--ui-url", "localhost", "--max-concurrent-workflow-tasks", "1", "--max-concurrent-activities", "many")
	require.Error(t, got.err)
	var b bytes.Buffer
	printError(&b, got.err)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	for _, name := range []string{
		"VERDICT_DB", "VERDICT_HTTP", "VERDICT_GITHUB_SECRET", "VERDICT_SLACK_SECRET", "webhooks of standard", "VERDICT_TOKEN_KEY",
		"TEMPORAL_DEPLOYMENT_NAME", "temporal client", "VERDICT_ACTIVITY_POLLERS", "--task-queue", "--stop-timeout", "--workflow-pollers",
		"--log-format", "--log-level", "--search-attributes", "--ui-url", "--max-concurrent-workflow-tasks", "--max-concurrent-activities",
	} {
		found := 0
		for _, l := range lines {
			if strings.HasPrefix(l, "error: "+name) {
				found++
			}
		}
		require.Equal(t, 1, found, "%s in\n%s", name, b.String())
	}
	require.Len(t, lines, 18)
	require.NotContains(t, b.String(), "hunter2")
	require.Empty(t, got.stdout)
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	// Port 1 answers nobody, so the worker says all that it was told and then fails.
	got := call(t, RunWorker, []string{
		"TEMPORAL_ADDRESS=127.0.0.1:1", "TEMPORAL_API_KEY=hunter2", "TEMPORAL_TLS=false", "VERDICT_GITHUB_SECRET=hunter2",
		"VERDICT_API_TOKEN=hunter2", "VERDICT_HTTP=127.0.0.1:0",
	}, "--db", ":memory:", "--log-format", "json", "--namespace", "scores")
	require.ErrorContains(t, got.err, "no Temporal server at 127.0.0.1:1")
	require.NotContains(t, got.stderr, "hunter2")
	require.NotContains(t, got.err.Error(), "hunter2")
	for _, line := range []string{
		`"name":"VERDICT_GITHUB_SECRET","value":"***","source":"VERDICT_GITHUB_SECRET"`,
		`"name":"VERDICT_SLACK_SECRET","value":"","source":"default"`,
		`"name":"api-key","value":"***","source":"TEMPORAL_API_KEY"`,
		`"name":"address","value":"127.0.0.1:1","source":"TEMPORAL_ADDRESS"`,
		`"name":"namespace","value":"scores","source":"--namespace"`,
		`"name":"db","value":":memory:","source":"--db"`,
		`"name":"task-queue","value":"verdict","source":"default"`,
	} {
		require.Contains(t, got.stderr, line)
	}
}

func TestFlagBeatsEnvironmentBeatsProfile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "temporal.toml")
	require.NoError(t, os.WriteFile(file, []byte(`
[profile.default]
address = "file:1"
namespace = "file"
[profile.other]
address = "other:1"
[profile.other.grpc_meta]
team = "file"
`), 0o600))
	load := func(env []string, args ...string) (string, string) {
		t.Helper()
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		c := &connection{}
		c.declare(flags)
		require.NoError(t, flags.Parse(args))
		o, err := c.options(append(environ{"TEMPORAL_CONFIG_FILE=" + file}, env...), newLogger(&bytes.Buffer{}, "text", "info"))
		require.NoError(t, err)
		return o.HostPort, o.Namespace
	}
	for _, c := range []struct {
		env                []string
		args               []string
		address, namespace string
	}{
		{nil, nil, "file:1", "file"},
		{[]string{"TEMPORAL_ADDRESS=env:1"}, nil, "env:1", "file"},
		{[]string{"TEMPORAL_ADDRESS=env:1"}, []string{"--address", "flag:1", "-n", "flag"}, "flag:1", "flag"},
		{nil, []string{"--profile", "other"}, "other:1", "default"},
		{[]string{"TEMPORAL_PROFILE=other", "TEMPORAL_NAMESPACE=env"}, nil, "other:1", "env"},
		{nil, []string{"--config-file", filepath.Join(t.TempDir(), "none")}, "localhost:7233", "default"},
	} {
		address, namespace := load(c.env, c.args...)
		require.Equal(t, c.address, address, "%v %v", c.env, c.args)
		require.Equal(t, c.namespace, namespace, "%v %v", c.env, c.args)
	}
	got := call(t, RunWorker, []string{"TEMPORAL_CONFIG_FILE=" + file}, "--check", "--profile", "missing")
	require.ErrorContains(t, got.err, "missing")
	got = call(t, RunWorker, nil, "--check", "--grpc-meta", "novalue")
	require.ErrorContains(t, got.err, "must be KEY=VALUE")
}

func TestPathTakesThePlaceOfData(t *testing.T) {
	t.Parallel()
	got := call(t, RunWorker, []string{"TEMPORAL_TLS_SERVER_CA_CERT_DATA=pem"}, "--check", "--tls-ca-path", "/nowhere")
	require.ErrorContains(t, got.err, "/nowhere")
	require.NotContains(t, got.err.Error(), "with data")
}

func TestWorkerOptions(t *testing.T) {
	t.Parallel()
	var c workerConfig
	require.NoError(t, c.settings().resolve(environ{
		"TEMPORAL_DEPLOYMENT_NAME=scores", "TEMPORAL_WORKER_BUILD_ID=b1", "VERDICT_MAX_CONCURRENT_ACTIVITIES=3",
		"VERDICT_MAX_CONCURRENT_WORKFLOW_TASKS=4", "VERDICT_ACTIVITY_POLLERS=5", "VERDICT_WORKFLOW_POLLERS=6",
	}))
	require.NoError(t, c.validate())
	require.True(t, c.searchAttributes)
	require.Equal(t, worker.Options{
		MaxConcurrentActivityExecutionSize: 3, MaxConcurrentWorkflowTaskExecutionSize: 4,
		MaxConcurrentActivityTaskPollers: 5, MaxConcurrentWorkflowTaskPollers: 6, WorkerStopTimeout: 25 * time.Second,
		DeploymentOptions: worker.DeploymentOptions{
			UseVersioning: true, Version: worker.WorkerDeploymentVersion{DeploymentName: "scores", BuildID: "b1"},
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		},
	}, c.options())
	c.deployment = ""
	require.ErrorContains(t, c.validate(), "TEMPORAL_WORKER_BUILD_ID")
	c.buildID = ""
	require.NoError(t, c.validate())
	require.False(t, c.options().DeploymentOptions.UseVersioning)
}

func TestUsageOfTheWorker(t *testing.T) {
	t.Parallel()
	got := call(t, RunWorker, nil, "--nope")
	require.True(t, isUsage(got.err))
	require.EqualError(t, got.err, "unknown flag: --nope: `worker --help` lists the flags")
	got = call(t, RunWorker, nil, "extra")
	require.EqualError(t, got.err, "unexpected argument \"extra\": `worker --help` shows the usage")
	got = call(t, RunWorker, nil, "--version")
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, "worker version ")
	got = call(t, RunWorker, nil, "--help")
	require.NoError(t, got.err)
	require.Contains(t, got.stdout, "VERDICT_STANDARD_WEBHOOKS_SECRET")
	require.Contains(t, got.stdout, "--stop-timeout")
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	var c workerConfig
	require.NoError(t, c.settings().resolve(environ{"VERDICT_TRUSTED_PROXIES=127.0.0.1, 10.0.0.0/8"}))
	require.Len(t, c.trustedProxies, 2)
	got := call(t, RunWorker, []string{"VERDICT_TRUSTED_PROXIES=localhost"}, "--check")
	require.ErrorContains(t, got.err, "VERDICT_TRUSTED_PROXIES")
}
