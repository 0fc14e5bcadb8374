package judges

import (
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

// KeyMatch has, for each pair of objects that [JSONKeys] compared, which keys match.
type KeyMatch []map[string]bool

// JSONKeys compares a JSON object with the expected one key by key, or a list of objects with an expected list. A key
// matches if both objects have it with the same value, by the rules of [SameJSON]; a key that only one of them has does
// not. Keys that are excluded do not count.
//
// The objects of two lists are paired one to one so that most keys match; the keys of an object without a partner do
// not match. An output without objects (no JSON, a number, a text in a list) has no keys there, and so matches nothing.
// It refuses an expected text that is neither an object nor a list of objects.
func JSONKeys(output, expected string, exclude ...string) (KeyMatch, error) {
	v, err := strictjson.Value(expected)
	if err != nil {
		return nil, scoring.Invalid("expected", "%v", err)
	}
	want, whole := objects(v)
	if !whole {
		return nil, scoring.Invalid("expected", "must be a JSON object or a list of objects")
	}
	var got []map[string]any
	if v, err := strictjson.Value(output); err == nil {
		got, _ = objects(v)
	}
	for _, list := range [][]map[string]any{got, want} {
		for _, object := range list {
			for _, key := range exclude {
				delete(object, key)
			}
		}
	}
	return pairKeys(got, want), nil
}

// objects returns the objects of a document; an element of a list that is no object counts as an empty one, and whole
// is false.
func objects(v any) (list []map[string]any, whole bool) {
	switch x := v.(type) {
	case map[string]any:
		return []map[string]any{x}, true
	case []any:
		whole = true
		for _, element := range x {
			object, ok := element.(map[string]any)
			whole = whole && ok
			list = append(list, object)
		}
		return list, whole
	}
	return nil, false
}

func pairKeys(got, want []map[string]any) KeyMatch {
	// The shorter list chooses. The time is proportional to the longer one and to the square of the shorter one.
	rows, columns := want, got
	if len(rows) > len(columns) {
		rows, columns = got, want
	}
	cost := make([][]float64, len(rows))
	for i, r := range rows {
		cost[i] = make([]float64, len(columns))
		for j, c := range columns {
			//workflowcheck:ignore matches are counted
			for key, v := range r {
				if w, ok := c[key]; ok && same(v, w) {
					cost[i][j]--
				}
			}
		}
	}
	var pairs KeyMatch
	alone := make([]bool, len(columns))
	for j := range alone {
		alone[j] = true
	}
	for i, j := range assign(cost) {
		alone[j] = false
		pairs = append(pairs, matchKeys(rows[i], columns[j]))
	}
	for j, c := range columns {
		if alone[j] {
			pairs = append(pairs, matchKeys(nil, c))
		}
	}
	return pairs
}

func matchKeys(a, b map[string]any) map[string]bool {
	match := map[string]bool{}
	//workflowcheck:ignore it only fills a map
	for key, v := range a {
		w, ok := b[key]
		match[key] = ok && same(v, w)
	}
	//workflowcheck:ignore it only fills a map
	for key := range b {
		if _, ok := a[key]; !ok {
			match[key] = false
		}
	}
	return match
}

// Keys returns one score for each key: over what the pairs that have the key say about it, 1 or 0 each.
func (m KeyMatch) Keys(over Reducer) (map[string]float64, error) {
	values := map[string][]float64{}
	for _, pair := range m {
		//workflowcheck:ignore sorted
		for _, key := range slices.Sorted(maps.Keys(pair)) {
			values[key] = append(values[key], number01(pair[key]))
		}
	}
	scores := map[string]float64{}
	//workflowcheck:ignore sorted
	for _, key := range slices.Sorted(maps.Keys(values)) {
		score, err := over(values[key])
		if err != nil {
			return nil, err
		}
		scores[key] = score
	}
	return scores, nil
}

// Score returns one score: over the keys of each pair, and then over the pairs. [Mean] and [Every] are of use. Pairs
// without keys do not count; it is [ErrUndefined] where nothing was compared.
func (m KeyMatch) Score(keys, pairs Reducer) (float64, error) {
	var scores []float64
	for _, pair := range m {
		if len(pair) == 0 {
			continue
		}
		var values []float64
		//workflowcheck:ignore sorted
		for _, key := range slices.Sorted(maps.Keys(pair)) {
			values = append(values, number01(pair[key]))
		}
		score, err := keys(values)
		if err != nil {
			return 0, err
		}
		scores = append(scores, score)
	}
	if len(scores) == 0 {
		return 0, undefined("there are no keys to compare")
	}
	return pairs(scores)
}

func number01(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
