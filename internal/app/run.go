package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
)

// runResult is a run that was started, and its result if it was waited for.
type runResult struct {
	WorkflowID string          `json:"workflow_id"`
	RunID      string          `json:"run_id"`
	Result     json.RawMessage `json:"result,omitempty"`
}

// runCommand is `starter run`.
func (s *starter) runCommand() *cobra.Command {
	var kind, queue, id string
	var input json.RawMessage
	var wait bool
	start := s.command(&cobra.Command{
		Use:     "run --type TYPE --task-queue QUEUE",
		Short:   "Start a workflow of any type, as a service would, or show a run",
		Example: `  starter run --type Summarize --task-queue summaries --input '{"url":"https://example.com"}' --wait`,
	}, settings{
		{flag: "type", kind: "string", usage: "workflow type", read: nonEmpty(&kind)},
		{flag: "task-queue", kind: "string", usage: "task queue of the workflow's worker", read: nonEmpty(&queue)},
		{flag: "input", kind: "JSON", usage: "the workflow's argument; none when left out", read: jsonOf(&input)},
		{flag: "id", kind: "string", usage: "workflow id (default a new one)", read: textOf(&id)},
		{flag: "wait", kind: "bool", fallback: "false", usage: "wait for the result", read: boolOf(&wait)},
	}, func(ctx context.Context, _ []string) error {
		c, _, err := s.dial(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		if id == "" {
			id = kind + "-" + uuid.NewString()
		}
		var args []any
		if input != nil {
			args = append(args, input)
		}
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, kind, args...)
		if err != nil {
			return fmt.Errorf("start %s: %w", kind, err)
		}
		result := runResult{WorkflowID: run.GetID(), RunID: run.GetRunID()}
		if wait {
			// A workflow without a result has none to decode.
			if err := run.Get(ctx, &result.Result); err != nil {
				return fmt.Errorf("%s %s: %w", kind, run.GetID(), err)
			}
		}
		return s.print(result, func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "workflow id  %s\nrun id       %s\n", result.WorkflowID, result.RunID)
			if err == nil && wait {
				_, err = fmt.Fprintf(w, "result       %s\n", result.Result)
			}
			return err
		})
	})
	start.AddCommand(s.runShow())
	return start
}

// jsonOf takes JSON, or nothing.
func jsonOf(to *json.RawMessage) func(string) error {
	return func(t string) error {
		*to = nil
		if t == "" {
			return nil
		}
		if !json.Valid([]byte(t)) {
			return errors.New("must be JSON")
		}
		*to = json.RawMessage(t)
		return nil
	}
}
