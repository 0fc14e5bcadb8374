package support

import (
	"context"
	"strings"

	"github.com/verdict-dev/verdict/judges"
)

// Write writes the answer to a question.
func Write(_ context.Context, question string) (string, error) {
	return "Have you tried turning it off and on again? You asked: " + question, nil
}

// Grateful is the judge: does the customer say thanks? A model behind judges/openai reads more between the lines.
var Grateful judges.Judge = grateful{}

type grateful struct{}

// ID implements [judges.Judge].
func (grateful) ID() judges.ID { return judges.ID{Name: "grateful", Version: "1"} }

// Judge implements [judges.Judge].
func (g grateful) Judge(_ context.Context, s judges.Sample) (judges.Verdict, error) {
	v := judges.Bool(strings.Contains(strings.ToLower(s.Output), "thank"), "")
	v.Judge = g.ID()
	return v, nil
}
