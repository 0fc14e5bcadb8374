package workflows

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// Attribute says something about how the run was made, by which its scores are counted. A second value of a key replaces the first. It
// travels with the run's facts, in its flushes, and adds nothing to the history.
func Attribute(ctx workflow.Context, key, value string) {
	const call = "Attribute"
	r := buffering(ctx, call)
	if r == nil {
		return
	}
	if !slices.Contains(r.cfg.Attributes, key) {
		r.refuse(ctx, call, scoring.Invalid("attribute", "%q is not among the Attributes that the plugin declares", key))
		return
	}
	said := scoring.Attribute{Key: key, Value: value, After: len(r.assigned) > 0}
	attributes := slices.Clone(r.attributes)
	i := slices.IndexFunc(attributes, func(a scoring.Attribute) bool { return a.Key == key })
	switch {
	case i < 0:
		attributes = append(attributes, said)
	case attributes[i].Value == value:
		return // it was known before
	default:
		attributes[i] = said
	}
	if err := scoring.CheckAttributes(attributes); err != nil {
		r.refuse(ctx, call, err)
		return
	}
	r.attributes = attributes
}
