package workflows

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// CheckSearchAttributes fails unless the search attributes are registered in a namespace: a run that upserts one that is
// not would hang.
func CheckSearchAttributes(ctx context.Context, c client.Client, namespace string, doubles map[string]string) error {
	registered, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("verdict: checking search attributes: %w", err)
	}
	var errs []error
	for name, kind := range SearchAttributes(doubles) {
		if got := registered.CustomAttributes[name]; got != kind {
			errs = append(errs, fmt.Errorf("verdict: search attribute %s of type %s is not registered in namespace %s: run `starter setup`", name, kind, namespace))
		}
	}
	return errors.Join(errs...)
}

// checkSearchAttributes is [CheckSearchAttributes] for a worker that starts. Its client has the last of the options in on, of
// the clients that the plugin is on; if it is on none, it is check. Without check it dials.
func (c *Config) checkSearchAttributes(ctx context.Context, check client.Client, on []*client.Options) (err error) {
	var namespace string
	switch {
	case len(on) > 0:
		namespace = namespaceOf(on[len(on)-1])
	case check == nil:
		return scoring.Invalid("search attributes", "they cannot be checked: put the plugin on the client, or give it a client")
	default:
		if namespace, err = clientNamespace(ctx, check); err != nil {
			return err
		}
	}
	if check == nil {
		options := *on[len(on)-1]
		options.Plugins = nil
		if check, err = client.DialContext(ctx, options); err != nil {
			return fmt.Errorf("verdict: checking search attributes: %w", err)
		}
		defer check.Close()
	}
	if err := CheckSearchAttributes(ctx, check, namespace, c.Doubles); err != nil {
		return err
	}
	c.indexes.Store(namespace, true)
	for _, o := range on {
		// It may be another client's worker that starts: the SDK does not say whose it is.
		if other := namespaceOf(o); other != namespace && CheckSearchAttributes(ctx, check, other, c.Doubles) == nil {
			c.indexes.Store(other, true)
		}
	}
	c.checked.Store(true)
	return nil
}

// indexed tells whether a run that makes its shape now sets search attributes: not in a namespace without a check for
// the attributes, because the checked client is not the worker's. Without any check, as in the SDK's test environment,
// it sets them.
func (c *Config) indexed(ctx workflow.Context) bool {
	if !c.SearchAttributes || !c.checked.Load() {
		return c.SearchAttributes
	}
	namespace := workflow.GetInfo(ctx).Namespace
	if _, ok := c.indexes.Load(namespace); ok {
		return true
	}
	workflow.GetLogger(ctx).Error("Verdict: search attributes were checked in another namespace; this run sets none", "Namespace", namespace)
	return false
}

// OnClient is called when a client with the plugin is made with o.
func (c *Config) OnClient(o *client.Options) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// Only the newest of each namespace: a service may dial for every request.
	c.clients = slices.DeleteFunc(c.clients, func(x *client.Options) bool { return x.HostPort == o.HostPort && x.Namespace == o.Namespace })
	c.clients = append(c.clients, o)
}

// Check fails if a starting worker could not do its configuration's part, so that its runs would hang. It checks the
// clients that the plugin is on; check, which may be nil, is the client for a plugin that is only on a worker.
func (c *Config) Check(ctx context.Context, check client.Client) error {
	c.mu.Lock()
	on := slices.Clone(c.clients)
	c.mu.Unlock()
	if len(on) == 0 && len(c.Scorers) > 0 {
		slog.Info("Verdict's plugin is on this worker alone: the SDK fails a scorer for good whose payloads the client's codec cannot decode; on the client the plugin lets it wait",
			"Scorers", c.Scorers)
	}
	if err := c.checkConverter(ctx, check, on); err != nil || !c.SearchAttributes {
		return err
	}
	return c.checkSearchAttributes(ctx, check, on)
}

func namespaceOf(o *client.Options) string {
	if o.Namespace == "" {
		return client.DefaultNamespace
	}
	return o.Namespace
}

// clientNamespace returns the namespace of a client, which fills it into each request. The request here is a count
// whose result is ignored.
func clientNamespace(ctx context.Context, c client.Client) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request := &workflowservice.CountWorkflowExecutionsRequest{Query: `WorkflowId = "verdict"`}
	if _, err := c.CountWorkflow(ctx, request); request.Namespace == "" {
		return "", fmt.Errorf("verdict: checking search attributes: the client does not show its namespace: put the plugin on the client: %w", err)
	}
	return request.Namespace, nil
}
