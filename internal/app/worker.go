package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/proxy"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/storeworker"
)

// workerConfig is the configuration of the worker.
type workerConfig struct {
	db, taskQueue, listen, ui string
	logFormat, logLevel       string
	searchAttributes          bool
	deployment, buildID       string
	activities, workflowTasks int
	activityPollers           int
	workflowPollers           int
	stopTimeout               time.Duration
	apiTokens, tokenKeys      []string
	trustedProxies            proxy.Trusted
	keep                      storeworker.Keep
	hooks                     storeworker.Webhooks
}

// settings are all settings of the worker, except the connection to Temporal.
func (c *workerConfig) settings() settings {
	secret := func(env, usage string, to *[]string) *setting {
		return &setting{env: env, usage: usage, secret: true, read: secretsOf(to)}
	}
	return settings{
		{flag: "db", env: "VERDICT_DB", fallback: defaultDatabase, kind: "string", usage: "SQLite file, :memory:, postgres:// URL, or keywords and values", mask: maskDatabase, read: databaseOf(&c.db)},
		{flag: "task-queue", env: "VERDICT_TASK_QUEUE", fallback: activities.DefaultTaskQueue, kind: "string", usage: "task queue to poll", read: nonEmpty(&c.taskQueue)},
		{flag: "http", env: "VERDICT_HTTP", fallback: "127.0.0.1:8080", kind: "host:port", usage: "address of health checks, webhooks, API and page", read: listenOf(&c.listen)},
		{flag: "trusted-proxies", env: "VERDICT_TRUSTED_PROXIES", kind: "addresses", usage: "addresses or networks of proxies in front of it, separated by commas", read: proxiesOf(&c.trustedProxies)},
		{flag: "ui-url", env: "VERDICT_UI_URL", fallback: "http://localhost:8233", kind: "URL", usage: "base URL of the Temporal UI, for links", mask: maskURL, read: linkOf(&c.ui)},
		{flag: "log-format", env: "VERDICT_LOG_FORMAT", fallback: "text", kind: "text|json", usage: "form of the log's lines", read: oneOf(&c.logFormat, "text", "json")},
		{flag: "log-level", env: "VERDICT_LOG_LEVEL", fallback: "info", kind: "level", usage: "debug, info, warn or error", read: oneOf(&c.logLevel, "debug", "info", "warn", "error")},
		{flag: "search-attributes", env: "VERDICT_SEARCH_ATTRIBUTES", fallback: "true", kind: "bool", usage: "put scores into visibility; starter setup registers the attributes", read: boolOf(&c.searchAttributes)},
		{flag: "max-concurrent-activities", env: "VERDICT_MAX_CONCURRENT_ACTIVITIES", fallback: "0", kind: "n", usage: "activities at a time; 0: the SDK's default", read: countOf(&c.activities, 1)},
		{flag: "max-concurrent-workflow-tasks", env: "VERDICT_MAX_CONCURRENT_WORKFLOW_TASKS", fallback: "0", kind: "n", usage: "workflow tasks at a time; 0: the SDK's default", read: countOf(&c.workflowTasks, 2)},
		{flag: "activity-pollers", env: "VERDICT_ACTIVITY_POLLERS", fallback: "0", kind: "n", usage: "pollers of activity tasks; 0: the SDK's default", read: countOf(&c.activityPollers, 1)},
		{flag: "workflow-pollers", env: "VERDICT_WORKFLOW_POLLERS", fallback: "0", kind: "n", usage: "pollers of workflow tasks; 0: the SDK's default", read: countOf(&c.workflowPollers, 2)},
		{flag: "stop-timeout", env: "VERDICT_STOP_TIMEOUT", fallback: "25s", kind: "duration", usage: "how long a stop waits for tasks that are under way; allow 5s more before a kill", read: durationOf(&c.stopTimeout)},
		{flag: "keep-requests", env: "VERDICT_KEEP_REQUESTS", fallback: "720h", kind: "duration", usage: "how long idempotency keys are remembered; 0: for ever", read: durationOf(&c.keep.Requests)},
		{flag: "keep-rejected", env: "VERDICT_KEEP_REJECTED", fallback: "2160h", kind: "duration", usage: "how long refused deliveries stay in the ledger; 0: for ever", read: durationOf(&c.keep.Rejections)},
		{flag: "deployment-name", env: "TEMPORAL_DEPLOYMENT_NAME", kind: "string", usage: "worker deployment, for versioning; needs a build id", read: textOf(&c.deployment)},
		{flag: "build-id", env: "TEMPORAL_WORKER_BUILD_ID", kind: "string", usage: "build id, for versioning; needs a deployment name", read: textOf(&c.buildID)},
		secret("VERDICT_API_TOKEN", "bearer token of the API and password of the page", &c.apiTokens),
		secret("VERDICT_TOKEN_KEY", "key that opens run tokens, at least 32 bytes", &c.tokenKeys),
		secret("VERDICT_STANDARD_WEBHOOKS_SECRET", "accept Standard Webhooks at /webhooks/standard", &c.hooks.Standard),
		secret("VERDICT_GITHUB_SECRET", "accept GitHub at /webhooks/github", &c.hooks.GitHub),
		secret("VERDICT_STRIPE_SECRET", "accept Stripe at /webhooks/stripe", &c.hooks.Stripe),
		secret("VERDICT_SLACK_SECRET", "accept Slack at /webhooks/slack", &c.hooks.Slack),
		secret("VERDICT_CLOUDEVENTS_TOKEN", "accept CloudEvents with this bearer token at /webhooks/cloudevents", &c.hooks.CloudEvents),
		secret("VERDICT_HMAC_SECRET", "accept JSON signed with HMAC-SHA256 at /webhooks/hmac", &c.hooks.HMAC),
		{flag: "stripe-test-mode", env: "VERDICT_STRIPE_TEST_MODE", fallback: "false", kind: "bool", usage: "count events of Stripe's test mode, which moves no money", read: boolOf(&c.hooks.StripeTestMode)},
		{flag: "hmac-header", env: "VERDICT_HMAC_HEADER", fallback: storeworker.DefaultHMACHeader, kind: "header", usage: "header with the signature of /webhooks/hmac", read: nonEmpty(&c.hooks.HMACHeader)},
		{flag: "hmac-prefix", env: "VERDICT_HMAC_PREFIX", fallback: storeworker.DefaultHMACPrefix, kind: "string", usage: "the text before that signature", read: textOf(&c.hooks.HMACPrefix)},
	}
}

// validate returns the mistakes that lie between settings.
func (c *workerConfig) validate() error {
	var errs []error
	if (c.deployment == "") != (c.buildID == "") {
		errs = append(errs, errors.New("TEMPORAL_DEPLOYMENT_NAME and TEMPORAL_WORKER_BUILD_ID: set both, for a versioned worker, or neither"))
	}
	for _, key := range c.tokenKeys {
		if len(key) < token.MinKey {
			errs = append(errs, fmt.Errorf("VERDICT_TOKEN_KEY: %d bytes, at least %d are needed", len(key), token.MinKey))
		}
	}
	return errors.Join(append(errs, c.hooks.Validate())...)
}

// options are the Temporal worker's.
func (c *workerConfig) options() worker.Options {
	o := worker.Options{
		MaxConcurrentActivityExecutionSize:     c.activities,
		MaxConcurrentWorkflowTaskExecutionSize: c.workflowTasks,
		MaxConcurrentActivityTaskPollers:       c.activityPollers,
		MaxConcurrentWorkflowTaskPollers:       c.workflowPollers,
		WorkerStopTimeout:                      c.stopTimeout,
	}
	if c.deployment != "" {
		o.DeploymentOptions = worker.DeploymentOptions{
			UseVersioning:             true,
			Version:                   worker.WorkerDeploymentVersion{DeploymentName: c.deployment, BuildID: c.buildID},
			DefaultVersioningBehavior: workflow.VersioningBehaviorAutoUpgrade,
		}
	}
	return o
}

// workerIs describes the worker.
const workerIs = "The worker that records scores, carries outcomes to the scorers that wait for them, and receives webhooks"

// RunWorker is the deployable worker. It returns nil once it has stopped because ctx was done.
func RunWorker(ctx context.Context, o Options) error { return runWorkerProgram(ctx, o, "worker") }

// runWorkerProgram is [RunWorker] under a name.
func runWorkerProgram(ctx context.Context, o Options, name string) error {
	var cfg workerConfig
	var conn connection
	all := cfg.settings()
	var only checkOnly
	cmd := &cobra.Command{
		Use:   "worker",
		Short: workerIs,
		Long:  workerIs + ".\n\n" + all.help(),
		Args:  noArgs,

		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: name},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runWorker(cmd.Context(), o, &cfg, all, &conn, only)
		},
	}
	conn.declare(cmd.Flags())
	all.declare(cmd.Flags())
	cmd.Flags().BoolVar(&only.check, "check", false, "check the configuration, reach Temporal and the database, change nothing, and exit")
	cmd.Flags().BoolVar(&only.offline, "offline", false, "with --check: reach nothing")
	return execute(ctx, cmd, o)
}

func runWorker(ctx context.Context, o Options, cfg *workerConfig, all settings, conn *connection, only checkOnly) error {
	env := environ(o.Environ)
	err := all.resolve(env)
	log := newLogger(o.Stderr, cfg.logFormat, cfg.logLevel)
	temporal, connErr := conn.options(env, log)
	unknown := unknownVariables(env)
	if only.check {
		unknown.print(o.Stderr)
	}
	if err := errors.Join(err, cfg.validate(), connErr, only.validate()); err != nil {
		return err
	}
	if only.check {
		return cfg.checkOnly(ctx, only, temporal, o.Stdout)
	}
	log.Info("worker", "version", version())
	conn.log(log, env, temporal)
	all.log(log)
	unknown.log(log)

	db, err := openStore(ctx, cfg.db)
	if err != nil {
		return unlessTold(ctx, log, err)
	}
	warnExposed(log, cfg.db)
	s, err := storeworker.Start(ctx, storeworker.Options{
		Client: temporal, Store: db, TaskQueue: cfg.taskQueue, Worker: cfg.options(),
		SearchAttributes: cfg.searchAttributes, Listen: cfg.listen, UI: cfg.ui,
		APITokens: cfg.apiTokens, TrustedProxies: cfg.trustedProxies, TokenKeys: bytesOf(cfg.tokenKeys), Webhooks: cfg.hooks, Keep: cfg.keep, Logger: log,
	})
	if err != nil {
		return unlessTold(ctx, log, err)
	}
	select {
	case <-ctx.Done():
	case err = <-s.Failed():
	}
	return errors.Join(err, s.Stop())
}

// unlessTold returns the error of a start, unless a signal asked it to stop: then nothing has failed.
func unlessTold(ctx context.Context, log *slog.Logger, err error) error {
	if ctx.Err() == nil {
		return err
	}
	log.Info("stopped during start", "error", err)
	return nil
}

// proxiesOf takes addresses and networks, separated by commas, or nothing.
func proxiesOf(to *proxy.Trusted) func(string) error {
	return func(t string) (err error) {
		*to = nil
		if strings.TrimSpace(t) != "" {
			*to, err = proxy.Parse(strings.Split(t, ","))
		}
		return err
	}
}

func bytesOf(texts []string) [][]byte {
	var all [][]byte
	for _, t := range texts {
		all = append(all, []byte(t))
	}
	return all
}
