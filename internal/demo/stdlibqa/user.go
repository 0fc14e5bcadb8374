package stdlibqa

import "slices"

// How often a user likes an answer, by where the right symbol is. People are seldom sure: some like a wrong answer,
// some dislike a right one.
const (
	likesFirst   = 0.95
	likesInThree = 0.60
	likesOther   = 0.08
)

// UserVerdict tells whether the user who asked q gives thumbs up to the symbols that were shown, the best first: nearly
// always when the first is right, often when the second or third is, seldom otherwise. The seed and the question decide
// about the rest, so that the same user shown the same answer says the same in every process.
func UserVerdict(q Question, shown []string, seed int64) bool {
	likes := likesOther
	switch at := slices.Index(shown, q.Answer); {
	case at == 0:
		likes = likesFirst
	case at == 1, at == 2:
		likes = likesInThree
	}
	return draw(seed, "verdict", q.ID) < likes
}
