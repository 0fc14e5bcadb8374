package experiments

import (
	"encoding/json"
	"fmt"
	"reflect"
	"sort"

	"github.com/cespare/xxhash/v2"
)

// Change is the step that a changed definition needs.
type Change string

// The changes of a definition.
const (
	// Unchanged: the two definitions are the same.
	Unchanged Change = "unchanged"
	// NewEpoch: only weights or the allocation differ. Start the next [Epoch]; the statistics continue, stratified by it.
	NewEpoch Change = "epoch"
	// NewVersion: something frozen differs. The statistics of the old version say nothing of the new one.
	NewVersion Change = "version"
)

// Compare returns the step that a change from one definition to another needs, and the fields that differ, in byte
// order. It returns [NewVersion] also when the version is already another one; with equal versions that is a mistake of
// the caller. Defaults that are spelled out, and the order of variants, are no change.
func Compare(from, to Definition) (Change, []string) {
	a, b := canonical(from), canonical(to)
	var fields []string
	change := Unchanged
	if weights(a) != weights(b) || a.Allocation != b.Allocation {
		change = NewEpoch
	}
	if weights(a) != weights(b) {
		fields = append(fields, "weights")
	}
	if a.Allocation != b.Allocation {
		fields = append(fields, "allocation")
	}
	fa, fb := frozen(a), frozen(b)
	va, vb := reflect.ValueOf(fa), reflect.ValueOf(fb)
	for i := range va.NumField() {
		if text(va.Field(i).Interface()) != text(vb.Field(i).Interface()) {
			change = NewVersion
			fields = append(fields, jsonName(va.Type().Field(i)))
		}
	}
	sort.Strings(fields)
	return change, fields
}

// Fingerprint identifies everything that a version freezes: two definitions with the same name and version and another
// fingerprint contradict each other. It is 16 hexadecimal digits, the same in every process.
func (d Definition) Fingerprint() string {
	return fmt.Sprintf("%016x", xxhash.Sum64String(text(frozen(canonical(d)))))
}

// canonical fills in the defaults and sorts the variants.
func canonical(d Definition) Definition {
	d = d.WithDefaults()
	sort.Slice(d.Variants, func(i, j int) bool { return d.Variants[i].Name < d.Variants[j].Name })
	return d
}

// frozen takes out of a canonical definition what may change within a version. Variants may not: their names stay.
func frozen(d Definition) Definition {
	d.Allocation = 0
	if d.Grace == defaultGrace(d.Maturity) {
		d.Grace = 0 // as in definitions of releases without it
	}
	d.Variants = append([]Variant(nil), d.Variants...)
	for i := range d.Variants {
		d.Variants[i].Weight = 0
	}
	return d
}

// weights returns the shares of a canonical definition, so that 1:1 and 5:5 are the same.
func weights(d Definition) string {
	sum := 0.0
	for _, v := range d.Variants {
		sum += v.Weight
	}
	shares := map[string]float64{}
	for _, v := range d.Variants {
		shares[v.Name] = v.Weight / sum
	}
	return fmt.Sprint(shares) // sorted by key
}

// text is a canonical text of v. A definition that JSON cannot say (a NaN) is refused by Validate; here it only has to
// differ from others.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprintf("%#v", v)
	}
	return string(data)
}

func jsonName(f reflect.StructField) string {
	name := f.Tag.Get("json")
	for i := range name {
		if name[i] == ',' {
			return name[:i]
		}
	}
	return name
}
