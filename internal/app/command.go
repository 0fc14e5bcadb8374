package app

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
)

// execute runs a command with a program's options. Errors are returned, not printed.
func execute(ctx context.Context, cmd *cobra.Command, o Options) error {
	cmd.SetArgs(append([]string{}, o.Args...)) // never the process's own, which nil would mean
	cmd.SetIn(o.Stdin)
	cmd.SetOut(o.Stdout)
	cmd.SetErr(o.Stderr)
	cmd.Version = version()
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		// pflag quotes the value of a flag with one dash.
		return usage("%s: `%s --help` lists the flags", valueInFlag.ReplaceAllString(err.Error(), "="+masked), c.CommandPath())
	})
	return cmd.ExecuteContext(ctx)
}

var valueInFlag = regexp.MustCompile(`=\S.*$`)

// noArgs refuses arguments that are no flags.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("unexpected argument %q: `%s --help` shows the usage", maskArgument(args[0]), cmd.CommandPath())
	}
	return nil
}

// maskArgument returns the safe part of an unknown argument: it may be a part of a connection string that was not
// quoted.
func maskArgument(arg string) string {
	if key, _, ok := strings.Cut(arg, "="); ok {
		return key + "=" + masked
	}
	if strings.Contains(arg, "@") {
		return masked
	}
	return arg
}

// atMostOne refuses a second argument.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return noArgs(cmd, args[1:])
	}
	return nil
}

// help lists the settings that have no flag, for a command's long description.
func (all settings) help() string {
	var b strings.Builder
	b.WriteString("Secrets are read from the environment. Several, separated by commas, are valid at a time while they are rotated:\n")
	for _, s := range all {
		if s.flag == "" {
			fmt.Fprintf(&b, "  %-34s %s\n", s.env, s.usage)
		}
	}
	return b.String()
}

// parentOf is a command that has others.
func parentOf(use, short string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q for %q: `%s --help` lists the commands", args[0], cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}
