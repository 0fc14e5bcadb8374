package judges

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Of returns a [Judge] that compares with a deterministic function, such as [Exact] or [Levenshtein]. The best of the
// sample's expected answers counts; a sample without one is declined with [NoReference]. The version must change when
// the function's answers do. It refuses an invalid id and a nil function.
func Of[T bool | float64](id ID, compare func(output, expected string) T) (Judge, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if compare == nil {
		return nil, scoring.Invalid("compare", "must not be nil")
	}
	return comparison[T]{id, compare}, nil
}

type comparison[T bool | float64] struct {
	id      ID
	compare func(output, expected string) T
}

func (c comparison[T]) ID() ID { return c.id }

func (c comparison[T]) Judge(ctx context.Context, s Sample) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	if err := s.Validate(); err != nil {
		return Verdict{}, err
	}
	best := Declined(NoReference, "there is no expected answer to compare with")
	for _, expected := range s.Expected {
		var v Verdict
		switch x := any(c.compare(s.Output, expected)).(type) {
		case bool:
			v = Bool(x, "")
		case float64:
			v = Number(x, "")
		}
		was, ok := best.Value.Float()
		if is, _ := v.Value.Float(); !ok || is > was {
			best = v
		}
	}
	best.Judge = c.id
	if err := best.Validate(); err != nil {
		return Verdict{}, err
	}
	return best, nil
}
