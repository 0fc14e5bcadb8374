package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
)

// registered returns the one definition of NAME@VERSION that workers have registered, of those whose digest begins as asked for.
func (s *starter) registered(ctx context.Context, named, digest string) (d experiments.Definition, err error) {
	i := strings.LastIndex(named, "@")
	if i <= 0 || i == len(named)-1 {
		return d, usage("%q must be NAME@VERSION", named)
	}
	err = s.withStore(ctx, func(db store.Store) error {
		all, err := db.Registrations(ctx, named[:i], named[i+1:])
		if err == nil {
			d, err = oneOfRegistered(named, digest, all)
		}
		return err
	})
	return d, err
}

// oneOfRegistered refuses to choose between definitions that differ, also in their weights: those are epoch 0.
func oneOfRegistered(named, digest string, all []experiments.Registration) (d experiments.Definition, err error) {
	var lines []string
	differ, found := false, false
	for _, r := range all {
		if !strings.HasPrefix(r.Digest(), digest) {
			continue
		}
		from := report.SourceOf(r)
		x, err := r.Read()
		switch {
		case err != nil:
			differ = true
			lines = append(lines, fmt.Sprintf("%.8s  %s: %v", from.Digest, from, err))
		case !found:
			d, found = x.Definition(), true
			lines = append(lines, fmt.Sprintf("%.8s  %s", from.Digest, from))
		default:
			change, fields := experiments.Compare(d, x.Definition())
			differ = differ || change != experiments.Unchanged
			lines = append(lines, fmt.Sprintf("%.8s  %s: %s", from.Digest, from, otherwise(fields)))
		}
	}
	list := strings.Join(lines, "\n  ")
	switch {
	case len(all) == 0:
		return d, usage("the store has no definition of %s: workers register it with their first assignment; --definition takes it from a file", named)
	case len(lines) == 0:
		return d, usage("the store has no definition of %s whose digest begins with %s", named, digest)
	case !found:
		return d, usage("this release cannot read the definition of %s:\n  %s", named, list)
	case differ:
		return d, usage("the store has definitions of %s that differ; choose one with --digest:\n  %s", named, list)
	}
	return d, nil
}

func otherwise(fields []string) string {
	if len(fields) == 0 {
		return "the same"
	}
	return "other " + strings.Join(fields, ", ")
}
