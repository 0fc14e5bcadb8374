package app

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/verdict-dev/verdict/workflows"
)

// openRuns counts the open runs that block a change of code.
type openRuns struct {
	Open  int64  `json:"open"`
	Query string `json:"query"`
}

// experimentOpen is `starter experiment open`.
func (s *starter) experimentOpen() *cobra.Command {
	const use = "open NAME@VERSION"
	var shadow string
	return s.command(&cobra.Command{
		Use: use, Short: "Count the open runs that have a variant, before its call leaves the code",
		Example: "  starter experiment open retriever@2\n  starter experiment open retriever@2 --shadow reranked", Args: argumentsOf(use),
	}, settings{
		{flag: "shadow", kind: "VARIANT", usage: "count the runs that started a shadow of it instead", read: textOf(&shadow)},
	}, func(ctx context.Context, args []string) error {
		name, version, ok := strings.Cut(args[0], "@")
		if !ok {
			return usage("%q is not NAME@VERSION", args[0])
		}
		ids := workflows.AssignedIn(name, version)
		if shadow != "" {
			ids = workflows.Shadowed(name, version, shadow)
		}
		for i, id := range ids {
			ids[i] = "'" + strings.ReplaceAll(id, "'", "''") + "'"
		}
		c, _, err := s.dial(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		found := openRuns{Query: fmt.Sprintf("ExecutionStatus = 'Running' AND TemporalChangeVersion IN (%s)", strings.Join(ids, ", "))}
		answer, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: found.Query})
		if err != nil {
			return err
		}
		found.Open = answer.GetCount()
		return s.print(found, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%d open runs\nquery  %s\n", found.Open, found.Query)
			return err
		})
	})
}
