package app

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// newDemoCommand is `starter demo`.
func newDemoCommand(s *starter) *cobra.Command {
	return s.command(&cobra.Command{
		Use:   "demo",
		Short: "Run an experiment from assignment to winner on a Temporal server of its own",
	}, nil, func(context.Context, []string) error { return errors.New("not built yet") })
}
