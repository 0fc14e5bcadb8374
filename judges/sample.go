package judges

import (
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// Sample is the material that a judge looks at. All of it is untrusted: judges treat it as data, never as instructions.
type Sample struct {
	// Input is the question. Optional.
	Input string `json:"input,omitempty"`
	// Output is the text to judge. An empty output is an answer like any other.
	Output string `json:"output"`
	// Expected has the acceptable answers; meeting one of them is enough. None means that there is no reference.
	Expected []string `json:"expected,omitempty"`
	// Context has further material by name, such as the passages that an answer was drawn from. A name is at most
	// [scoring.MaxName] bytes without square brackets.
	Context map[string]string `json:"context,omitempty"`
}

// Validate refuses a sample with an invalid context name.
func (s Sample) Validate() error {
	for name := range s.Context {
		if err := scoring.CheckName("context name", name); err != nil {
			return err
		}
		if strings.ContainsAny(name, "[]") {
			return scoring.Invalid("context name", "%q has a square bracket", name)
		}
	}
	return nil
}
