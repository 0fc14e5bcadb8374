package judges

import (
	"math"
	"strconv"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// TokenProb is a token that a model could have written at a place, with the natural logarithm of its probability.
type TokenProb struct {
	Token   string  `json:"token"`
	LogProb float64 `json:"logprob"`
}

// Token is a token that a model wrote, with the likeliest ones at its place.
type Token struct {
	Token string      `json:"token"`
	Top   []TokenProb `json:"top"`
}

// Method says how a graded score was found. Scores of two methods do not compare.
type Method string

// The methods.
const (
	ByProbability Method = "logprobs" // weighted by the probabilities of the grades
	BySample      Method = "samples"  // the mean of several answers
	AsGiven       Method = "raw"      // the grade as it was written
)

// minProbability is the probability under which G-Eval ignores a token.
const minProbability = 0.01

// WeightedScore returns a grade as the mean of the grades that the model could have given, weighted by their
// probabilities: Σ p·grade / Σ p (Liu et al. 2023, G-Eval, arXiv:2303.16634, §2). The grade's place is the last token
// that is equal to it, because a rationale before it may have the same number. Of the likeliest tokens there, whole
// numbers of the scale with a probability of at least 1 % count. The method is [AsGiven], and the score the grade
// itself, where the place is not found or no token counts. It refuses a grade that is not a whole number of the scale.
func WeightedScore(grade float64, scale Scale, tokens []Token) (float64, Method, error) {
	if grade != math.Trunc(grade) || !(grade >= scale.Min && grade <= scale.Max) {
		return 0, "", scoring.Invalid("grade", "%v is not a whole number from %v to %v", grade, scale.Min, scale.Max)
	}
	var top []TokenProb
	for _, t := range tokens {
		if g, ok := gradeOf(t.Token); ok && g == grade {
			top = t.Top
		}
	}
	sum, weight := 0.0, 0.0
	for _, t := range top {
		g, ok := gradeOf(t.Token)
		p := math.Exp(t.LogProb)
		if !ok || g < scale.Min || g > scale.Max || !(t.LogProb >= math.Log(minProbability)) || !finite(p) {
			continue
		}
		sum += p * g
		weight += p
	}
	if weight == 0 {
		return grade, AsGiven, nil
	}
	return min(max(sum/weight, scale.Min), scale.Max), ByProbability, nil
}

// gradeOf reads a token as a whole number: ASCII digits, with spaces around them as tokenizers leave them.
func gradeOf(token string) (float64, bool) {
	digits := strings.TrimSpace(token)
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(digits, 64)
	return n, err == nil
}
