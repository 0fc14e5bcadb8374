package judges

import (
	"context"
	"math"

	"github.com/verdict-dev/verdict/scoring"
)

// Embedder turns texts into vectors whose directions are near where their meanings are. A client of a model is one.
type Embedder interface {
	// Embed returns one vector for each text, in order, all of the same length. Failures are as a [Judge]'s.
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// Cosine returns the cosine of the angle between two vectors, from −1 (opposite) to 1 (the same direction). It refuses
// vectors of different lengths, with a number that is not finite, and without a direction: empty or all zeros.
func Cosine[F float32 | float64](a, b []F) (float64, error) {
	if len(a) != len(b) {
		return 0, scoring.Invalid("vector", "one has %d numbers and the other %d", len(a), len(b))
	}
	x, err := direction(a)
	if err != nil {
		return 0, err
	}
	y, err := direction(b)
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i := range x {
		sum += x[i] * y[i]
	}
	return min(max(sum, -1), 1), nil // rounding may leave the range
}

// direction returns a vector of length 1.
func direction[F float32 | float64](v []F) ([]float64, error) {
	largest := 0.0
	for _, f := range v {
		if !finite(float64(f)) {
			return nil, scoring.Invalid("vector", "%v is not a finite number", f)
		}
		largest = max(largest, math.Abs(float64(f)))
	}
	if largest == 0 {
		return nil, scoring.Invalid("vector", "a vector of zeros, or of nothing, has no direction")
	}
	unit, squares := make([]float64, len(v)), 0.0
	for i, f := range v {
		unit[i] = float64(f) / largest // so that no square overflows
		squares += unit[i] * unit[i]
	}
	length := math.Sqrt(squares)
	for i := range unit {
		unit[i] /= length
	}
	return unit, nil
}

// ScaleCosine maps a cosine to a score from 0 to 1: (cosine − floor)/(1 − floor), 0 at and below the floor. Models
// differ in how large the cosine of unrelated texts is, so the floor belongs to the model; there is no default that
// fits all. It refuses a cosine outside [−1, 1] and a floor outside [−1, 1).
func ScaleCosine(cosine, floor float64) (float64, error) {
	if !(cosine >= -1 && cosine <= 1) {
		return 0, scoring.Invalid("cosine", "%v is not from -1 to 1", cosine)
	}
	if err := checkFloor(floor); err != nil {
		return 0, err
	}
	return max(cosine-floor, 0) / (1 - floor), nil
}

func checkFloor(floor float64) error {
	if !(floor >= -1 && floor < 1) {
		return scoring.Invalid("floor", "%v is not from -1 up to 1", floor)
	}
	return nil
}

// OfEmbeddings returns a [Judge] that compares the meaning of the output with the expected answers': the largest cosine
// of their vectors, scaled from the floor by [ScaleCosine]. A sample without an expected answer is declined with
// [NoReference]. It embeds all texts of a sample in one call. The version must change with the model, because vectors
// of two models do not compare.
func OfEmbeddings(id ID, e Embedder, floor float64) (Judge, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if e == nil {
		return nil, scoring.Invalid("embedder", "must not be nil")
	}
	if err := checkFloor(floor); err != nil {
		return nil, err
	}
	return similarity{id, e, floor}, nil
}

type similarity struct {
	id    ID
	embed Embedder
	floor float64
}

func (j similarity) ID() ID { return j.id }

func (j similarity) Judge(ctx context.Context, s Sample) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	if err := s.Validate(); err != nil {
		return Verdict{}, err
	}
	if len(s.Expected) == 0 {
		return finished(j.id, Declined(NoReference, "there is no expected answer to compare with"))
	}
	texts := append([]string{s.Output}, s.Expected...)
	vectors, err := j.embed.Embed(ctx, texts)
	if err != nil {
		return Verdict{}, err
	}
	if len(vectors) != len(texts) {
		return Verdict{}, &Error{Class: Protocol, Err: scoring.Invalid("embedding", "%d vectors for %d texts", len(vectors), len(texts))}
	}
	best := -1.0
	for _, v := range vectors[1:] {
		cosine, err := Cosine(vectors[0], v)
		if err != nil {
			return Verdict{}, &Error{Class: Protocol, Err: err}
		}
		best = max(best, cosine)
	}
	score, err := ScaleCosine(best, j.floor)
	if err != nil {
		return Verdict{}, err
	}
	return finished(j.id, Number(score, ""))
}
