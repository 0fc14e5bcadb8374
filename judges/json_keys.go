package judges

import (
	"maps"
	"slices"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

// KeyMatch has, for each pair of objects that [JSONKeys] compared, which keys match.
type KeyMatch []map[string]bool

// Keys says how objects are compared. The zero Keys compares all keys, and lists in any order.
type Keys struct {
	// Exclude are keys that do not count.
	Exclude []string
	// Lists says which object of a list is compared with which.
	Lists Pairing
}

// Pairing says which objects of two lists are compared with each other.
type Pairing uint8

// The pairings. Objects are paired one to one so that most keys match, except ByPosition. The keys of an object without
// a partner do not match.
const (
	SameObjects  Pairing = iota // each object has a partner
	ExtraAllowed                // objects of the output without a partner are free
	SomeAllowed                 // expected objects without a partner are free
	ByPosition                  // the first with the first, and so on
)

// JSONKeys is Compare of the [Keys] that exclude these.
func JSONKeys(output, expected string, exclude ...string) (KeyMatch, error) {
	return Keys{Exclude: exclude}.Compare(output, expected)
}

// Compare compares a JSON object with the expected one key by key, or a list of objects with an expected list. A key
// matches if both objects have it with the same value, by the rules of [SameJSON]; a key that only one of them has does
// not. An object is a list of one.
//
// An output without objects (no JSON, a number, a text in a list) has no keys there, and so matches nothing. It refuses
// an expected text that is neither an object nor a list of objects.
func (k Keys) Compare(output, expected string) (KeyMatch, error) {
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
			for _, key := range k.Exclude {
				delete(object, key)
			}
		}
	}
	var match KeyMatch
	aloneGot, aloneWant := map[int]bool{}, map[int]bool{}
	for i := range got {
		aloneGot[i] = true
	}
	for j := range want {
		aloneWant[j] = true
	}
	for _, pair := range k.pairs(got, want) {
		delete(aloneGot, pair[0])
		delete(aloneWant, pair[1])
		match = append(match, matchKeys(got[pair[0]], want[pair[1]]))
	}
	for i := range got {
		if aloneGot[i] && k.Lists != ExtraAllowed {
			match = append(match, matchKeys(got[i], nil))
		}
	}
	for j := range want {
		if aloneWant[j] && k.Lists != SomeAllowed {
			match = append(match, matchKeys(nil, want[j]))
		}
	}
	return match, nil
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

// pairs returns which object of got is compared with which of want. The time is proportional to the length of the
// longer list and to the square of the shorter one's.
func (k Keys) pairs(got, want []map[string]any) (pairs [][2]int) {
	if k.Lists == ByPosition {
		for i := range min(len(got), len(want)) {
			pairs = append(pairs, [2]int{i, i})
		}
		return pairs
	}
	rows, columns := want, got
	swapped := len(rows) > len(columns)
	if swapped {
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
	for i, j := range assign(cost) {
		if swapped {
			pairs = append(pairs, [2]int{i, j})
		} else {
			pairs = append(pairs, [2]int{j, i})
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
