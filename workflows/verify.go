package workflows

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/scoring"
)

// CheckSearchAttributes fails unless the search attributes are registered: a run that upserts one that is not would hang.
//
// It asks check, or a client that is dialed with o if check is nil.
func CheckSearchAttributes(ctx context.Context, doubles map[string]string, check client.Client, o *client.Options) error {
	namespace := "default"
	if o != nil && o.Namespace != "" {
		namespace = o.Namespace
	}
	if check == nil {
		if o == nil {
			return scoring.Invalid("search attributes", "they cannot be checked: put the plugin on the client, or give it a client")
		}
		options := *o
		options.Plugins = nil
		dialed, err := client.DialContext(ctx, options)
		if err != nil {
			return fmt.Errorf("verdict: checking search attributes: %w", err)
		}
		defer dialed.Close()
		check = dialed
	}
	registered, err := check.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
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
