package judges

import (
	"regexp"

	"github.com/verdict-dev/verdict/scoring"
)

// Regex tells whether a part of output matches a regular expression, in Go's syntax (RE2), so that the time is linear in
// the length of output for any pattern. Anchor the pattern (^…$) to match the whole output. A pattern that is none is
// a [scoring.InvalidError], and not "does not match".
func Regex(output, pattern string) (bool, error) {
	re, err := regexp.Compile(pattern) //workflowcheck:ignore a function of the pattern
	if err != nil {
		return false, scoring.Invalid("pattern", "%v", err)
	}
	return re.MatchString(output), nil //workflowcheck:ignore a function of both
}
