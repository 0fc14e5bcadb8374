package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/sqlite"
	"github.com/verdict-dev/verdict/workflows"
)

// checkLimit is how long `worker --check` waits for Temporal, and for the database.
const checkLimit = 15 * time.Second

// checkOnly makes the worker check its settings instead of starting.
type checkOnly struct{ check, offline bool }

func (o checkOnly) validate() error {
	if o.offline && !o.check {
		return usage("--offline goes with --check")
	}
	return nil
}

// checkOnly checks a configuration that is well formed.
func (c *workerConfig) checkOnly(ctx context.Context, o checkOnly, temporal client.Options, out io.Writer) error {
	fmt.Fprintln(out, "the configuration is valid")
	if o.offline {
		return nil
	}
	return c.check(ctx, temporal, out)
}

// check finds out, without changing anything, whether the worker would start: Temporal answers and has the namespace
// and the search attributes, and the database is one that this release can work with. It returns every problem.
func (c *workerConfig) check(ctx context.Context, temporal client.Options, out io.Writer) error {
	var errs []error
	for _, part := range []func(context.Context) (string, error){
		func(ctx context.Context) (string, error) { return c.checkTemporal(ctx, temporal) },
		c.checkDatabase,
	} {
		limited, cancel := context.WithTimeout(ctx, checkLimit)
		said, err := part(limited)
		cancel()
		if errs = append(errs, err); err == nil {
			fmt.Fprintln(out, said)
		}
	}
	return errors.Join(errs...)
}

func (c *workerConfig) checkTemporal(ctx context.Context, o client.Options) (string, error) {
	conn, err := dial(ctx, o)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if _, err := conn.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace}); err != nil {
		return "", fmt.Errorf("namespace %s at %s (set by --namespace or TEMPORAL_NAMESPACE): %w", o.Namespace, o.HostPort, err)
	}
	if err := checkCodec(o); err != nil {
		return "", err
	}
	if c.searchAttributes {
		if err := workflows.CheckSearchAttributes(ctx, conn, o.Namespace, nil); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("Temporal answers at %s, namespace %s", o.HostPort, o.Namespace), nil
}

// checkCodec sends a payload through the codec, if there is one, and back.
func checkCodec(o client.Options) error {
	if o.DataConverter == nil {
		return nil
	}
	const sent = "verdict"
	var got string
	payload, err := o.DataConverter.ToPayload(sent)
	if err == nil {
		err = o.DataConverter.FromPayload(payload, &got)
	}
	if err == nil && got != sent {
		err = errors.New("a payload comes back as another one")
	}
	if err != nil {
		return fmt.Errorf("payload codec (set by --codec-endpoint or TEMPORAL_CODEC_ENDPOINT): %w", err)
	}
	return nil
}

func (c *workerConfig) checkDatabase(ctx context.Context) (said string, err error) {
	shown := maskDatabase(c.db)
	if isPostgres(c.db) {
		db, err := postgres.Open(ctx, c.db) // which never migrates
		if err == nil {
			err = errors.Join(db.Ping(ctx), db.Close())
		}
		if err != nil {
			return "", fmt.Errorf("database %s: %w", shown, err)
		}
		return fmt.Sprintf("the database answers: %s", shown), nil
	}
	state, err := sqlite.Check(ctx, c.db)
	if err != nil {
		return "", fmt.Errorf("database %s: %w", shown, err)
	}
	return fmt.Sprintf("the database %s: %s", state, shown), nil
}
