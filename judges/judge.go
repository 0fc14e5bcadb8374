package judges

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Judge says how good a sample is.
type Judge interface {
	// ID returns the judge's identity. It is constant for the life of the judge, and differs between two judges that
	// could answer differently because of how they are set up.
	ID() ID
	// Judge returns a valid verdict whose Judge field is ID(), or an error and the zero Verdict. Bad input is a
	// [scoring.InvalidError]; a failure of something that the judge depends on is an [Error]; when ctx ends, an error that
	// wraps ctx's. It makes one attempt: retries are Temporal's. It must not change the sample, and is safe for concurrent
	// use.
	Judge(ctx context.Context, s Sample) (Verdict, error)
}

// ID is the identity of a judge. It is part of the identity of the scores that the judge gives, so that scores of two
// rubric versions never mix.
type ID struct {
	// Name is what people call the judge. At most [scoring.MaxName] bytes.
	Name string `json:"name"`
	// Version changes with everything that can change the judge's answers: for a language model the rubric, the answer's
	// schema, the model and its parameters.
	Version string `json:"version"`
}

// String returns "name@version", which is the key of the judge's scores.
func (id ID) String() string { return id.Name + "@" + id.Version }

// Validate refuses an ID without a name or a version.
func (id ID) Validate() error {
	if err := scoring.CheckName("judge name", id.Name); err != nil {
		return err
	}
	return scoring.CheckName("judge version", id.Version)
}
