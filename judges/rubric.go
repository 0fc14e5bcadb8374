package judges

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// Rubric tells a language model by which criteria to judge and how it may answer. It is independent of providers: an
// adapter sends [Rubric.Prompt] and [Rubric.Schema], and hands the reply to [Rubric.Read].
type Rubric struct {
	// Required.

	// Name names the judge. At most [scoring.MaxName] bytes.
	Name string `json:"name"`
	// Instructions describe good and bad outputs. They are trusted: never put text of a user into them.
	Instructions string `json:"instructions"`

	// Exactly one of the three.

	// Choices maps each answer that is offered to its score. At least two.
	Choices map[string]float64 `json:"choices,omitempty"`
	// Scale asks for a number.
	Scale Scale `json:"scale,omitzero"`
	// Boolean asks for true or false, and so is the score.
	Boolean bool `json:"boolean,omitempty"`

	// Optional.

	// Anchors say what whole grades of the scale mean, for all of them or some.
	Anchors map[int]string `json:"anchors,omitempty"`

	// MayAbstain offers the model to say that it cannot tell. Such a verdict is declined with [Abstained].
	MayAbstain bool `json:"may_abstain,omitempty"`
	// NeedsExpected declines a sample without an expected answer with [NoReference], without asking the model.
	NeedsExpected bool `json:"needs_expected,omitempty"`
	// NeedsContext declines a sample without further material with [NoContext], without asking the model.
	NeedsContext bool `json:"needs_context,omitempty"`
}

// Scale is a range of numbers, both ends included; the zero Scale is none. The score is the number itself: 4 on a scale from 1 to 5 is 4. A
// number outside the scale is declined with [OffMenu], never moved to its nearest end.
type Scale struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Lacks returns the verdict on a sample that has not what the rubric needs. ok tells whether it is one.
func (r Rubric) Lacks(s Sample) (v Verdict, ok bool) {
	switch {
	case r.NeedsExpected && len(s.Expected) == 0:
		return Declined(NoReference, "the rubric compares with an expected answer and there is none"), true
	case r.NeedsContext && len(s.Context) == 0:
		return Declined(NoContext, "the rubric compares with further material and there is none"), true
	}
	return v, false
}

// Validate refuses a rubric without a name, without instructions, or that does not offer one of choices, a scale, and true or false.
func (r Rubric) Validate() error {
	if err := scoring.CheckName("rubric name", r.Name); err != nil {
		return err
	}
	if strings.TrimSpace(r.Instructions) == "" {
		return scoring.Invalid("instructions", "must not be empty")
	}
	offers := 0
	for _, offered := range []bool{len(r.Choices) > 0, r.scaled(), r.Boolean} {
		if offered {
			offers++
		}
	}
	switch {
	case offers != 1:
		return scoring.Invalid("rubric", "must offer one of choices, a scale, and true or false, and not %d of them", offers)
	case r.scaled():
		if !finite(r.Scale.Min) || !finite(r.Scale.Max) || r.Scale.Min >= r.Scale.Max {
			return scoring.Invalid("scale", "from %v to %v is not a range of finite numbers", r.Scale.Min, r.Scale.Max)
		}
	case len(r.Choices) == 1:
		return scoring.Invalid("choices", "one choice is none")
	}
	for grade, means := range r.Anchors {
		if !r.scaled() || float64(grade) < r.Scale.Min || float64(grade) > r.Scale.Max {
			return scoring.Invalid("anchors", "%d is not on a scale", grade)
		}
		if strings.TrimSpace(means) == "" {
			return scoring.Invalid("anchors", "%d means nothing", grade)
		}
	}
	for label, score := range r.Choices {
		if err := scoring.CheckName("choice", label); err != nil {
			return err
		}
		if !finite(score) {
			return scoring.Invalid("choices", "%v for %q is not a finite number", score, label)
		}
	}
	return nil
}

// scaled tells whether the rubric asks for a number.
func (r Rubric) scaled() bool { return r.Scale != Scale{} }

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// labels returns the choices in a fixed order, so that the same rubric is the same request.
func (r Rubric) labels() []string { return slices.Sorted(maps.Keys(r.Choices)) }

// Schema returns the JSON Schema of a reply: an object with "rationale", then "verdict". The order matters to a model
// that writes from left to right: a verdict first would only be justified afterwards. The rubric must be valid.
//
// The range of a scale is in the prompt alone: servers of two families refuse a strict schema with a minimum.
func (r Rubric) Schema() json.RawMessage { return r.schema(false) }

// schema has the range of a scale if it is asked for.
func (r Rubric) schema(ranged bool) json.RawMessage {
	verdict := map[string]any{"type": r.typed("number")}
	switch {
	case r.Boolean:
		verdict["type"] = r.typed("boolean")
	case r.scaled():
		if ranged {
			verdict["minimum"], verdict["maximum"] = r.Scale.Min, r.Scale.Max
		}
	default:
		var menu []any
		for _, label := range r.labels() {
			menu = append(menu, label)
		}
		if r.MayAbstain {
			menu = append(menu, nil)
		}
		verdict["type"], verdict["enum"] = r.typed("string"), menu
	}
	// A struct keeps its fields in order, a map does not.
	schema := struct {
		Type       string `json:"type"`
		Properties struct {
			Rationale any `json:"rationale"`
			Verdict   any `json:"verdict"`
		} `json:"properties"`
		Required             []string `json:"required"`
		AdditionalProperties bool     `json:"additionalProperties"`
	}{Type: "object", Required: []string{rationaleField, verdictField}}
	schema.Properties.Rationale = map[string]any{"type": "string"}
	schema.Properties.Verdict = verdict
	return mustMarshal(schema)
}

// typed returns the JSON Schema type of the verdict.
func (r Rubric) typed(name string) any {
	if r.MayAbstain {
		return []string{name, "null"}
	}
	return name
}

// ID returns the identity of a judge that asks model by r. The version is a hash over the rubric, the schema, the
// whole wording of the prompt, the model and settings, which are the adapter's parameters that can change an answer
// (never a key, nor an address: the same model behind another address is the same judge).
func (r Rubric) ID(model string, settings any) (ID, error) {
	if err := r.Validate(); err != nil {
		return ID{}, err
	}
	if err := scoring.CheckName("model", model); err != nil {
		return ID{}, err
	}
	// Rendering a sample with every part in it brings in all the words that a request can have.
	probe := Sample{Input: "i", Output: "o", Expected: []string{"e"}, Context: map[string]string{"c": "c"}}
	system, user, err := r.Prompt("key", probe)
	if err != nil {
		return ID{}, err
	}
	// The schema as v0.1 sent it, so that a judge of then keeps its identity: what the range says is in the prompt too.
	parts, err := json.Marshal([]any{r, r.schema(true), system, user, model, settings})
	if err != nil {
		return ID{}, scoring.Invalid("settings", "cannot be hashed: %v", err)
	}
	sum := sha256.Sum256(parts)
	return ID{Name: r.Name, Version: hex.EncodeToString(sum[:8])}, nil
}

// menu describes the allowed verdicts in words.
func (r Rubric) menu() string {
	var words string
	switch {
	case r.Boolean:
		words = "true or false"
	case r.scaled():
		words = "a number from " + format(r.Scale.Min) + " to " + format(r.Scale.Max)
		for i, grade := range slices.Sorted(maps.Keys(r.Anchors)) {
			words += map[bool]string{true: " (", false: "; "}[i == 0] + strconv.Itoa(grade) + ": " + strings.TrimSpace(r.Anchors[grade])
		}
		if len(r.Anchors) > 0 {
			words += ")"
		}
	default:
		var quoted []string
		for _, label := range r.labels() {
			quoted = append(quoted, strconv.Quote(label))
		}
		words = "exactly one of " + strings.Join(quoted, ", ")
	}
	if r.MayAbstain {
		words += ", or null if the data does not allow a verdict"
	}
	return words
}

func format(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// mustMarshal is for values made of strings, booleans and numbers that are known to be finite.
func mustMarshal(v any) json.RawMessage {
	data, err := json.Marshal(v)
	if err != nil {
		panic("judges: " + err.Error())
	}
	return data
}
