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

// OfOutput returns a [Judge] that looks at the output alone with a deterministic function, such as [ValidJSON]. The
// version must change when the function's answers do. It refuses an invalid id and a nil function.
func OfOutput[T bool | float64](id ID, score func(output string) T) (Judge, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if score == nil {
		return nil, scoring.Invalid("score", "must not be nil")
	}
	return outputJudge[T]{id, score}, nil
}

type outputJudge[T bool | float64] struct {
	id    ID
	score func(output string) T
}

func (j outputJudge[T]) ID() ID { return j.id }

func (j outputJudge[T]) Judge(ctx context.Context, s Sample) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	if err := s.Validate(); err != nil {
		return Verdict{}, err
	}
	return finished(j.id, valueOf(j.score(s.Output)))
}

func valueOf(x any) Verdict {
	if b, ok := x.(bool); ok {
		return Bool(b, "")
	}
	return Number(x.(float64), "")
}

// finished returns the verdict as the judge's, if it is valid.
func finished(id ID, v Verdict) (Verdict, error) {
	v.Judge = id
	if err := v.Validate(); err != nil {
		return Verdict{}, err
	}
	return v, nil
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
		v := valueOf(c.compare(s.Output, expected))
		was, ok := best.Value.Float()
		if is, _ := v.Value.Float(); !ok || is > was {
			best = v
		}
	}
	return finished(c.id, best)
}
