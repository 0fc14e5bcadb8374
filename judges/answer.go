package judges

import (
	"encoding/json"
	"fmt"

	"github.com/verdict-dev/verdict/internal/strictjson"
)

// The fields of a reply.
const (
	rationaleField = "rationale"
	verdictField   = "verdict"
)

// Read returns the verdict that a model's reply gives. The whole reply must be one JSON object with exactly the two
// fields of [Rubric.Schema], each once: a text around it, a second object or a missing field is declined as
// [Malformed]. Searching the reply for something that looks like an answer would let the judged text supply it. A
// choice that was not offered and a number outside the scale are declined as [OffMenu]. The Judge and Usage of the
// verdict are the caller's to fill in.
func (r Rubric) Read(reply string) Verdict {
	value, err := strictjson.Value(reply)
	if err != nil {
		return Declined(Malformed, "the reply is not one JSON value: "+err.Error())
	}
	object, ok := value.(map[string]any)
	if !ok {
		return Declined(Malformed, "the reply is not a JSON object")
	}
	rationale, ok := object[rationaleField].(string)
	if !ok {
		return Declined(Malformed, "the reply has no text as its "+rationaleField)
	}
	answer, ok := object[verdictField]
	if !ok {
		return Declined(Malformed, "the reply has no "+verdictField)
	}
	if len(object) != 2 {
		return Declined(Malformed, "the reply has more fields than were asked for")
	}
	switch x := answer.(type) {
	case nil:
		if r.MayAbstain {
			return Declined(Abstained, rationale)
		}
	case bool:
		if r.Boolean {
			return Bool(x, rationale)
		}
	case string:
		if len(r.Choices) > 0 {
			return r.choice(x, rationale)
		}
	case json.Number:
		if r.scaled() {
			return r.grade(x, rationale)
		}
	}
	return Declined(Malformed, fmt.Sprintf("the %s has the wrong type, %s was asked for", verdictField, r.menu()))
}

func (r Rubric) choice(label, rationale string) Verdict {
	score, ok := r.Choices[label]
	if !ok {
		return Declined(OffMenu, fmt.Sprintf("%.200q was not offered", label))
	}
	v := Number(score, rationale)
	v.Label = label
	return v
}

func (r Rubric) grade(n json.Number, rationale string) Verdict {
	f, err := n.Float64()
	if err != nil || f < r.Scale.Min || f > r.Scale.Max {
		return Declined(OffMenu, fmt.Sprintf("%.40s is not on the scale from %v to %v", n, r.Scale.Min, r.Scale.Max))
	}
	v := Number(f, rationale)
	v.Method = AsGiven
	return v
}
