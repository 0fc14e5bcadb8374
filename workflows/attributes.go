package workflows

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/scoring"
)

// A keyword over 255 characters wedges the visibility of a Postgres server, and one attribute's value may have 2 KB.
const (
	maxKeyword      = 255
	maxKeywordBytes = 1800
)

// Bucket returns the coarse form of a score's value that is put into visibility: a boolean as it is, a number in
// [-1, 1] down to one decimal, any other number to two significant digits, and the state of a score that has no value.
func Bucket(s scoring.Score) string {
	f, ok := s.Value.Float()
	if !ok {
		return string(s.State)
	}
	if s.Value.Kind() == scoring.BoolKind {
		return s.Value.String()
	}
	if math.Abs(f) <= 1 {
		// The smallest addition keeps 0.3, which lies a little below three tenths, in its own bucket.
		return strconv.FormatFloat(math.Floor(f*10+1e-9)/10, 'f', 1, 64)
	}
	return strconv.FormatFloat(f, 'g', 2, 64)
}

// Keywords returns the sorted values of a KeywordList for scores and assignments, within the server's limits.
func Keywords(records []scoring.Record, refs []scoring.Ref, extra ...string) []string {
	words := slices.Clone(extra)
	for _, ref := range refs {
		if ref.Probability > 0 { // or it was served control by a pause
			words = append(words, ref.Experiment+"="+ref.Variant)
		}
	}
	for _, rec := range records {
		words = append(words, rec.Name+"="+Bucket(rec.Score))
	}
	total := 0
	for i, w := range words {
		words[i] = clampKeyword(w)
		if total += len(words[i]) + 4; total > maxKeywordBytes {
			words = words[:i]
			break
		}
	}
	slices.Sort(words)
	return slices.Compact(words)
}

func clampKeyword(w string) string {
	w = strings.ToValidUTF8(w, "?")
	if r := []rune(w); len(r) > maxKeyword {
		return string(r[:maxKeyword])
	}
	return w
}

// attributes are the updates for a run that ends, or for a scorer that has settled.
func attributes(name string, cfg *Config, records []scoring.Record, refs []scoring.Ref, extra ...string) []temporal.SearchAttributeUpdate {
	list := temporal.NewSearchAttributeKeyKeywordList(name).ValueSet(Keywords(records, refs, extra...))
	updates := []temporal.SearchAttributeUpdate{list}
	for _, rec := range records {
		if attribute, ok := cfg.Doubles[rec.Name]; ok {
			if f, ok := rec.Value.Float(); ok {
				updates = append(updates, temporal.NewSearchAttributeKeyFloat64(attribute).ValueSet(f))
			}
		}
	}
	return updates
}

// SearchAttributes returns the search attributes that must be registered, with their types.
func SearchAttributes(doubles map[string]string) map[string]enumspb.IndexedValueType {
	all := map[string]enumspb.IndexedValueType{
		RunAttribute:    enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST,
		ScorerAttribute: enumspb.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	}
	for _, attribute := range doubles {
		all[attribute] = enumspb.INDEXED_VALUE_TYPE_DOUBLE
	}
	return all
}

func upsert(ctx workflow.Context, updates []temporal.SearchAttributeUpdate) {
	if err := workflow.UpsertTypedSearchAttributes(ctx, updates...); err != nil {
		workflow.GetLogger(ctx).Error("Verdict could not set search attributes", "Error", fmt.Sprint(err))
	}
}
