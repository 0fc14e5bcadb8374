package experiments

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// MaxRegistered is the largest definition in bytes of JSON that a store keeps. A larger one assigns as ever, and the worker
// that reports needs it in its configuration.
const MaxRegistered = 32 << 10

// Registration is a definition as a worker has registered it in the store. It stays JSON: a worker that keeps or passes it on may
// be of a release that does not know all of its fields.
type Registration struct {
	// Definition is a [Definition] in the JSON of [Experiment.JSON].
	Definition json.RawMessage `json:"definition"`
	// Namespace, TaskQueue and Build are of the worker that registered it first. Build is empty if the worker has none.
	Namespace string `json:"namespace,omitempty"`
	TaskQueue string `json:"task_queue,omitempty"`
	Build     string `json:"build,omitempty"`
	// At is when the store first had it, by the database's clock.
	At time.Time `json:"at,omitzero"`
}

// Digest identifies the text of the definition: 32 hexadecimal digits. Two releases may write one definition in two ways; whether
// definitions differ is for [Contradict] to say.
func (r Registration) Digest() string {
	sum := sha256.Sum256(r.Definition)
	return hex.EncodeToString(sum[:16])
}

// Check returns the experiment's name and version. It refuses a text that is no definition, but neither fields nor values of a later release.
func (r Registration) Check() (name, version string, err error) {
	var d struct{ Name, Version string }
	if n := len(r.Definition); n > MaxRegistered {
		return "", "", scoring.Invalid("definition", "%d bytes, at most %d are allowed", n, MaxRegistered)
	}
	if err := json.Unmarshal(r.Definition, &d); err != nil {
		return "", "", scoring.Invalid("definition", "it is no JSON of one: %v", err)
	}
	for _, id := range []struct{ field, text string }{{"namespace", r.Namespace}, {"task queue", r.TaskQueue}, {"build", r.Build}} {
		if id.text != "" {
			err = errors.Join(err, scoring.CheckID(id.field, id.text))
		}
	}
	return d.Name, d.Version, errors.Join(scoring.CheckName("name", d.Name), scoring.CheckName("version", d.Version), err)
}

// Read returns the experiment that r defines. It refuses a definition with a field that this release does not know: without it the
// statistics would be about something else.
func (r Registration) Read() (*Experiment, error) {
	var d Definition
	decoder := json.NewDecoder(bytes.NewReader(r.Definition))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, scoring.Invalid("definition", "this release cannot read it: %v", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, scoring.Invalid("definition", "there is more than one")
	}
	return New(d)
}

// JSON returns the definition with its defaults filled in and its variants in byte order, as JSON.
func (e *Experiment) JSON() []byte {
	data, err := json.Marshal(e.Definition())
	if err != nil {
		return nil // never: a definition that is valid has finite numbers
	}
	return data
}

// Difference is a field in which two definitions of one version differ.
type Difference struct {
	// Field is its name in JSON; that of a part of it follows a dot.
	Field string `json:"field"`
	// Used and Other are its values.
	Used  json.RawMessage `json:"used"`
	Other json.RawMessage `json:"other"`
}

// whole are the fields that decide who is a unit and which variant it may get.
var whole = []string{"variants", "unit", "selection", "fixed", "layer", "holdout"}

// Contradict returns the fields that a version freezes and in which another definition of the version differs from the used one,
// in byte order. Weights and allocation are not among them: each assignment has its probabilities.
//
// void has the fields that decide who is a unit and which variant it may get: variants, unit, selection, fixed, layer and holdout. If
// there is one, units of two designs are mixed, and no verdict holds. The other fields say how units are read, which the used
// definition decides alone.
func Contradict(used, other Definition) (all []Difference, void []string) {
	change, fields := Compare(used, other)
	if change != NewVersion {
		return nil, nil
	}
	a, b := reflect.ValueOf(canonical(used)), reflect.ValueOf(canonical(other))
	for i := range a.NumField() {
		name := jsonName(a.Type().Field(i))
		if !slices.Contains(fields, name) {
			continue
		}
		all = append(all, differences(name, a.Field(i), b.Field(i))...)
		if slices.Contains(whole, name) {
			void = append(void, name)
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(a.Field, b.Field) })
	slices.Sort(void)
	return all, void
}

// differences are the differences of one field, or of its parts.
func differences(name string, used, other reflect.Value) (all []Difference) {
	if used.Kind() != reflect.Struct {
		return []Difference{{name, value(used), value(other)}}
	}
	for i := range used.NumField() {
		if part := (Difference{name + "." + jsonName(used.Type().Field(i)), value(used.Field(i)), value(other.Field(i))}); !bytes.Equal(part.Used, part.Other) {
			all = append(all, part)
		}
	}
	return all
}

// value is a field of a definition as it is shown: durations as texts, variants by their names.
func value(v reflect.Value) json.RawMessage {
	switch x := v.Interface().(type) {
	case time.Duration:
		return json.RawMessage(text(x.String()))
	case []Variant:
		names := make([]string, len(x))
		for i, variant := range x {
			names[i] = variant.Name
		}
		return json.RawMessage(text(names))
	default:
		return json.RawMessage(text(x))
	}
}

// Void returns the fields in which registered definitions mix another design with d's, in byte order: see [Contradict].
func (d Definition) Void(registered []Registration) (fields []string) {
	for _, r := range registered {
		if x, err := r.Read(); err == nil {
			_, void := Contradict(d, x.Definition())
			fields = append(fields, void...)
		}
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// Voided returns d as INVALID if there are fields in which units were assigned by definitions that contradict each other.
func (d Decision) Voided(fields []string) Decision {
	if len(fields) == 0 {
		return d
	}
	var since time.Time // by when the units were mixed is not known
	reason := "units were assigned by definitions of this version that contradict each other in " + strings.Join(fields, ", ")
	switch d.Verdict {
	case Invalid:
		reason, since = reason+"; "+d.Reason, d.Since
	case Continue:
	default:
		reason += fmt.Sprintf(". %s is void: it assumed one definition", strings.TrimSpace(string(d.Verdict)+" "+strings.Join(d.Variants, ", ")))
	}
	return Decision{Verdict: Invalid, Reason: reason, Since: since, Untrusted: d.Untrusted}
}
