package app

import (
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

// variable is one of the environment that looks as if it were meant for us, and is not known.
type variable struct{ name, nearest string }

type variables []variable

var (
	ourVariable = regexp.MustCompile(`(?i)^(?:VERDICT|TEMPORAL)_`)
	// serviceLink is what Kubernetes sets for each service of a namespace, such as one with the name temporal.
	serviceLink    = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?$`)
	namesVariables = regexp.MustCompile(`\[([A-Z0-9_]+\*?)\]`)
)

// otherVariables are variables that no setting of the worker, no shared one and no flag of the connection names.
var otherVariables = []string{
	"VERDICT_GITHUB_URL", // `starter reconcile`
	"VERDICT_DEVSERVER",  // where the embedded server is built
	"TEMPORAL_DEBUG",     // the SDK: no deadlock detection
	"TEMPORAL_WORKFLOW_TASK_DURATION_WARN_SECONDS", // the SDK
}

// knownVariables are the variables of every program of ours. A * ends the name of a family.
func knownVariables() []string {
	known := slices.Clone(otherVariables)
	for _, s := range (&workerConfig{}).settings() {
		known = append(known, s.env)
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	(&connection{}).declare(flags)
	flags.VisitAll(func(f *pflag.Flag) {
		for _, named := range namesVariables.FindAllStringSubmatch(f.Usage, -1) {
			known = append(known, named[1])
		}
	})
	return known
}

// unknownVariables returns the variables that begin like ours but are unknown, probably a typing mistake.
func unknownVariables(env environ) variables {
	known := knownVariables()
	var unknown variables
	for _, pair := range env {
		name, _, _ := strings.Cut(pair, "=")
		if !ourVariable.MatchString(name) || serviceLink.MatchString(name) || isKnown(known, name) {
			continue
		}
		upper := strings.ToUpper(name)
		nearest := slices.MinFunc(known, func(a, b string) int { return distance(upper, a) - distance(upper, b) })
		if v := (variable{name, nearest}); !slices.Contains(unknown, v) {
			unknown = append(unknown, v)
		}
	}
	return unknown
}

func isKnown(known []string, name string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		family, isFamily := strings.CutSuffix(k, "*")
		return k == name || isFamily && strings.HasPrefix(name, family)
	})
}

// print says which there are, for people.
func (all variables) print(w io.Writer) {
	for _, v := range all {
		fmt.Fprintf(w, "warning: %s is not a known variable; did you mean %s?\n", v.name, v.nearest)
	}
}

func (all variables) log(l *slog.Logger) {
	for _, v := range all {
		l.Warn("unknown variable", "name", v.name, "nearest", v.nearest)
	}
}

// distance is how many characters must be put in, left out or replaced to make b of a (Levenshtein, 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
