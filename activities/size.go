package activities

import (
	"math"

	"github.com/verdict-dev/verdict/scoring"
)

// MaxCarried is how many bytes of JSON a payload of ours has at most: a batch, the input or result of an activity, the
// answer to a query. The server takes 2 MiB, and a payload codec may add a third. Larger values go in several payloads.
const MaxCarried = 1_500_000

// Size returns the length in bytes of the JSON that is made of v to be carried; the largest int if none can be made.
func Size(v any) int {
	n, err := scoring.EncodedSize(v)
	if err != nil {
		return math.MaxInt
	}
	return n
}

// Fitting returns how many of list, from its beginning, take at most room bytes as the elements of a list in JSON.
func Fitting[T any](list []T, room int) int {
	for i, v := range list {
		if room -= Size(v); room < 0 {
			return i
		}
		room-- // the comma
	}
	return len(list)
}

// Texts returns the length in bytes of a list of texts in JSON.
func Texts(list []string) int {
	n := 0
	for _, text := range list {
		n += scoring.EncodedText(text) + len(",")
	}
	return n
}
