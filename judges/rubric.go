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

	// Exactly one of the two.

	// Choices maps each answer that is offered to its score. At least two.
	Choices map[string]float64 `json:"choices,omitempty"`
	// Scale asks for a number.
	Scale Scale `json:"scale,omitzero"`

	// Optional.

	// MayAbstain offers the model to say that it cannot tell. Such a verdict is declined with [Abstained].
	MayAbstain bool `json:"may_abstain,omitempty"`
	// NeedsExpected declines a sample without an expected answer with [NoReference], without asking the model.
	NeedsExpected bool `json:"needs_expected,omitempty"`
}

// Scale is a range of numbers, both ends included; the zero Scale is none. The score is the number itself: 4 on a scale from 1 to 5 is 4. A
// number outside the scale is declined with [OffMenu], never moved to its nearest end.
type Scale struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Validate refuses a rubric without a name, without instructions, or that does not offer either choices or a scale.
func (r Rubric) Validate() error {
	if err := scoring.CheckName("rubric name", r.Name); err != nil {
		return err
	}
	if strings.TrimSpace(r.Instructions) == "" {
		return scoring.Invalid("instructions", "must not be empty")
	}
	switch {
	case !r.scaled() && len(r.Choices) == 0:
		return scoring.Invalid("rubric", "offer choices or a scale")
	case r.scaled() && len(r.Choices) > 0:
		return scoring.Invalid("rubric", "offer choices or a scale, not both")
	case r.scaled():
		if !finite(r.Scale.Min) || !finite(r.Scale.Max) || r.Scale.Min >= r.Scale.Max {
			return scoring.Invalid("scale", "from %v to %v is not a range of finite numbers", r.Scale.Min, r.Scale.Max)
		}
		return nil
	case len(r.Choices) < 2:
		return scoring.Invalid("choices", "one choice is none")
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
func (r Rubric) Schema() json.RawMessage {
	verdict := map[string]any{"type": r.typed("number")}
	if r.scaled() {
		verdict["minimum"], verdict["maximum"] = r.Scale.Min, r.Scale.Max
	} else {
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
	parts, err := json.Marshal([]any{r, r.Schema(), system, user, model, settings})
	if err != nil {
		return ID{}, scoring.Invalid("settings", "cannot be hashed: %v", err)
	}
	sum := sha256.Sum256(parts)
	return ID{Name: r.Name, Version: hex.EncodeToString(sum[:8])}, nil
}

// menu describes the allowed verdicts in words.
func (r Rubric) menu() string {
	var words string
	if r.scaled() {
		words = "a number from " + format(r.Scale.Min) + " to " + format(r.Scale.Max)
	} else {
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
