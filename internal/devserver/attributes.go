package devserver

import (
	"context"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/client"
)

type attributeError struct {
	name, want, got string
}

func (e *attributeError) Error() string {
	if e.got == "" {
		return fmt.Sprintf("search attribute %s has type %q, which does not exist", e.name, e.want)
	}
	return fmt.Sprintf("search attribute %s is %s in this namespace, not %s", e.name, e.got, e.want)
}

// AddSearchAttributes registers the attributes, a map from name to type, that a namespace lacks.
func AddSearchAttributes(ctx context.Context, c client.Client, namespace string, attributes map[string]string) error {
	if len(attributes) == 0 {
		return nil
	}
	have, err := c.OperatorService().ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range attributes {
		want, err := enumspb.IndexedValueTypeFromString(kind)
		if err != nil {
			return &attributeError{name: name, want: kind}
		}
		switch got, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = want
		case got != want:
			return &attributeError{name: name, want: kind, got: got.String()}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	return err
}
