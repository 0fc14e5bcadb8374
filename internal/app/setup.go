package app

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"

	"github.com/verdict-dev/verdict/workflows"
)

// setupResult says what became of each search attribute.
type setupResult struct {
	Namespace string            `json:"namespace"`
	Added     map[string]string `json:"added"`   // name → type
	Present   map[string]string `json:"present"` // the ones from before
}

// setupCommand is `starter setup`.
func (s *starter) setupCommand() *cobra.Command {
	return s.command(&cobra.Command{
		Use:   "setup",
		Short: "Register Verdict's search attributes in the namespace",
		Long:  "Register Verdict's search attributes in the namespace. Attributes that are already registered stay unchanged.",
	}, nil, func(ctx context.Context, _ []string) error { return s.setup(ctx) })
}

func (s *starter) setup(ctx context.Context) error {
	c, o, err := s.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: o.Namespace})
	if err != nil {
		return fmt.Errorf("list the search attributes of namespace %s: %w", o.Namespace, err)
	}
	result := setupResult{Namespace: o.Namespace, Added: map[string]string{}, Present: map[string]string{}}
	missing := map[string]enumspb.IndexedValueType{}
	for name, want := range workflows.SearchAttributes(nil) {
		switch got, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name], result.Added[name] = want, want.String()
		case got == want:
			result.Present[name] = want.String()
		default:
			return fmt.Errorf("search attribute %s is of type %s in namespace %s, not %s: remove it there first", name, got, o.Namespace, want)
		}
	}
	if len(missing) > 0 {
		_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: o.Namespace, SearchAttributes: missing,
		})
		if err != nil {
			return fmt.Errorf("register search attributes in namespace %s: %w", o.Namespace, err)
		}
	}
	return s.print(result, func(w io.Writer) error {
		for _, name := range slices.Sorted(maps.Keys(result.Added)) {
			fmt.Fprintf(w, "registered %s (%s) in namespace %s\n", name, result.Added[name], result.Namespace)
		}
		for _, name := range slices.Sorted(maps.Keys(result.Present)) {
			fmt.Fprintf(w, "%s (%s) is already registered in namespace %s\n", name, result.Present[name], result.Namespace)
		}
		return nil
	})
}
