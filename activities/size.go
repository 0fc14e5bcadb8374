package activities

import (
	"errors"
	"math"
	"strings"

	"go.temporal.io/api/serviceerror"

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

// tooLarge tells whether a request was refused for its size. Neither the server, the SDK nor gRPC has a public error for that: the
// server says "Blob data size exceeds limit." or the like of a transaction's size (common/util.go, common/persistence), the SDK has a
// number for it, and gRPC says "larger than max".
func tooLarge(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	var invalid *serviceerror.InvalidArgument
	if errors.As(err, &invalid) {
		said := strings.ToLower(invalid.Error())
		return strings.Contains(said, "size") && strings.Contains(said, "exceed")
	}
	return strings.Contains(text, "[TMPRL1103]") || strings.Contains(text, "larger than max") || strings.Contains(text, "message too large")
}
