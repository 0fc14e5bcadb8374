package workflows

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/scoring"
)

// Exceeding a limit of the server ends the run. It takes 2,048 bytes of JSON of one attribute's value, 40 KB of all of
// them, the user's and its own included, and 100 at a time. A keyword over 255 characters wedges the visibility of a
// Postgres server.
const (
	maxKeyword         = 255    // characters
	maxKeywordBytes    = 1800   // of JSON, of a list
	maxAttributesBytes = 32_000 // of all attributes of a run
	maxDoubles         = 90     // at a time
)

// Bucket returns the coarse form of a score's value that is put into visibility: a boolean unchanged, a number in [-1,
// 1] cut to one decimal, any other number to two significant digits, a category unchanged, and the state of a score without a value. A number
// that a float32 can hold counts as the float32's decimal, because it probably was a float32 before.
func Bucket(s scoring.Score) string {
	if s.Category != "" {
		return s.Category
	}
	f, ok := s.Value.Float()
	if !ok {
		return string(s.State)
	}
	if s.Value.Kind() == scoring.BoolKind {
		return s.Value.String()
	}
	if single := float32(f); float64(single) == f {
		f = scoring.Decimal32(single)
	}
	if math.Abs(f) <= 1 {
		// The smallest addition keeps 0.3, which lies a little below three tenths, in its own bucket.
		return strconv.FormatFloat(math.Floor(f*10+1e-9)/10+0, 'f', 1, 64) // -0 becomes 0
	}
	return strconv.FormatFloat(f, 'g', 2, 64)
}

// Keywords returns the sorted values of a KeywordList for scores and assignments, within the server's limits: the first
// ones get the room.
func Keywords(records []scoring.Record, refs []scoring.Ref, extra ...string) []string {
	all := slices.Clone(extra)
	for _, ref := range refs {
		if ref.Probability > 0 { // or it was served control by a pause
			all = append(all, ref.Experiment+"="+ref.Variant)
		}
	}
	for _, rec := range records {
		all = append(all, rec.Name+"="+Bucket(rec.Score))
	}
	var words []string
	there := map[string]bool{}
	room := maxKeywordBytes - len("[]")
	for _, w := range all {
		w = clampKeyword(w)
		if n := scoring.EncodedText(w) + len(","); !there[w] && n <= room {
			there[w], room = true, room-n
			words = append(words, w)
		}
	}
	slices.Sort(words)
	return words
}

// clampKeyword makes a keyword that every server's visibility can hold.
func clampKeyword(w string) string {
	w = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?' // Postgres takes no NUL
		}
		return r
	}, strings.ToValidUTF8(w, "?"))
	if r := []rune(w); len(r) > maxKeyword {
		return string(r[:maxKeyword])
	}
	return w
}

// updates are the updates of our search attributes.
type updates struct {
	list    temporal.SearchAttributeKeyKeywordList
	words   []string
	doubles []double
}

type double struct {
	key   temporal.SearchAttributeKeyFloat64
	value float64
}

// attributes are the updates for a run that ends, or for a scorer that has settled. Of several scores of a name the last has
// the Double.
func attributes(name string, cfg *Config, records []scoring.Record, refs []scoring.Ref, extra ...string) updates {
	u := updates{list: temporal.NewSearchAttributeKeyKeywordList(name), words: Keywords(records, refs, extra...)}
	for _, rec := range slices.Backward(records) {
		attribute, ok := cfg.Doubles[rec.Name]
		f, set := rec.Value.Float()
		there := slices.ContainsFunc(u.doubles, func(d double) bool { return d.key.GetName() == attribute })
		if ok && set && !there && len(u.doubles) < maxDoubles {
			u.doubles = append(u.doubles, double{temporal.NewSearchAttributeKeyFloat64(attribute), f})
		}
	}
	return u
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

// upsert sets search attributes, or takes our list away where the user's own leave no room: the command is the same.
func upsert(ctx workflow.Context, u updates) {
	if inTestEnvironment(ctx) {
		return // it has no visibility, and a user's mocks would meet it
	}
	if size := u.sizeIn(workflow.GetInfo(ctx)); size > maxAttributesBytes {
		workflow.GetLogger(ctx).Error("Verdict sets no search attributes: the run's own leave no room", "Bytes", size, "Limit", maxAttributesBytes)
		u.words, u.doubles = nil, nil
	}
	set := []temporal.SearchAttributeUpdate{u.list.ValueUnset()} // takes no room
	if len(u.words) > 0 {
		set[0] = u.list.ValueSet(u.words)
	}
	for _, d := range u.doubles {
		set = append(set, d.key.ValueSet(d.value))
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, set...); err != nil {
		workflow.GetLogger(ctx).Error("Verdict could not set search attributes", "Error", fmt.Sprint(err))
	}
}

// sizeIn returns about how many bytes the search attributes of a run take once they are updated.
func (u updates) sizeIn(info *workflow.Info) int {
	const around = 96 // the names of encoding and type, lengths, and a number
	size := around + len(u.list.GetName()) + activities.Texts(u.words)
	ours := []string{u.list.GetName()}
	for _, d := range u.doubles {
		size += around + len(d.key.GetName())
		ours = append(ours, d.key.GetName())
	}
	//lint:ignore SA1019 the typed attributes do not say how many bytes they take, and another sum would not replay
	fields := info.SearchAttributes.GetIndexedFields()
	names := slices.Sorted(maps.Keys(fields)) //workflowcheck:ignore sorted
	for _, name := range names {
		if !slices.Contains(ours, name) {
			size += around + len(name) + len(fields[name].GetData())
		}
	}
	return size
}
