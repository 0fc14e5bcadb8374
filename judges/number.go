package judges

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// NumericDiff returns how near two numbers are, from 0 to 1: 1 − |expected − output| / (|expected| + |output|), and 1
// when both are 0. Numbers with opposite signs are at 0. It refuses NaN and the infinities.
func NumericDiff(output, expected float64) (float64, error) {
	for _, v := range []float64{output, expected} {
		if _, err := scoring.NumberValue(v); err != nil {
			return 0, err
		}
	}
	// Dividing by the larger first keeps the sum from overflowing.
	largest := max(math.Abs(output), math.Abs(expected))
	if largest == 0 {
		return 1, nil
	}
	a, b := output/largest, expected/largest
	return 1 - math.Abs(b-a)/(math.Abs(b)+math.Abs(a)), nil
}

// NumericWithin tells whether output is as near to expected as the larger of two tolerances: an absolute one, in the
// unit of the numbers, and a relative one, a share of |expected|. Both ends count as near. It refuses NaN, the
// infinities and negative tolerances.
func NumericWithin(output, expected, absolute, relative float64) (bool, error) {
	for _, v := range []float64{output, expected, absolute, relative} {
		if _, err := scoring.NumberValue(v); err != nil {
			return false, err
		}
	}
	if absolute < 0 || relative < 0 {
		return false, scoring.Invalid("tolerance", "must not be negative")
	}
	return math.Abs(output-expected) <= max(absolute, relative*math.Abs(expected)), nil
}

// Place says which number of a text counts.
type Place uint8

// The places.
const (
	LastNumber  Place = iota // the last number in the text
	FirstNumber              // the first number in the text
	AnyNumber                // any of its numbers
	WholeText                // the whole text is the number
)

// NumericMatch tells whether the number that stands at a place in output is expected, by value: 1000 is 1e3 and 1,000.
//
// Numbers are words: spaces, quotes, brackets, sentence and Markdown marks around them and a currency sign before them
// do not count, but 42abc is not a number. Commas group thousands; the decimal sign is the dot. Unicode minus signs,
// fullwidth digits and fractions such as ½ and 2½ are read. A percentage is a number only where a percentage is
// expected: 60% is not 60. Nothing matches an expected text that is not a number.
func NumericMatch(output, expected string, place Place) bool {
	want, ok := parseNumber(strings.TrimSpace(expected))
	if !ok {
		return false
	}
	if place == WholeText {
		got, ok := parseNumber(strings.TrimSpace(output))
		return ok && got == want
	}
	matched := false
	for _, word := range strings.Fields(output) {
		got, ok := parseNumber(word)
		if !ok || got.percent != want.percent {
			continue
		}
		matched = got == want
		if place == FirstNumber || place == AnyNumber && matched {
			return matched
		}
	}
	return matched
}

type number struct {
	value   float64
	percent bool
}

func (n number) String() string {
	text := strconv.FormatFloat(n.value, 'g', -1, 64)
	if n.percent {
		text += "%"
	}
	return text
}

var (
	numeral   = regexp.MustCompile(`^(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$`)
	grouped   = regexp.MustCompile(`^[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$`)
	fractions = map[rune]float64{
		'½': 1. / 2, '⅓': 1. / 3, '⅔': 2. / 3, '¼': 1. / 4, '¾': 3. / 4, '⅕': 1. / 5, '⅖': 2. / 5, '⅗': 3. / 5, '⅘': 4. / 5,
		'⅙': 1. / 6, '⅚': 5. / 6, '⅐': 1. / 7, '⅛': 1. / 8, '⅜': 3. / 8, '⅝': 5. / 8, '⅞': 7. / 8, '⅑': 1. / 9, '⅒': 1. / 10,
	}
)

// parseNumber reads one word as a finite number.
func parseNumber(word string) (number, bool) {
	const around = "!?:;()[]{}'\"`~<=>@#^&|*_“”‘’„"
	word = strings.TrimRight(strings.TrimLeft(plain(word), around), around+".,")
	word, percent := strings.CutSuffix(word, "%")
	word, negative := strings.CutPrefix(word, "-")
	if !negative {
		word = strings.TrimPrefix(word, "+")
	}
	word = strings.TrimLeft(word, "$£€¥")
	value, ok := magnitude(word)
	if negative {
		value = -value
	}
	// Adding zero makes −0 a 0, so that they are the same number in every notation.
	return number{value + 0, percent}, ok
}

// magnitude reads an unsigned number, which may end in a fraction.
func magnitude(word string) (float64, bool) {
	part := 0.0
	//workflowcheck:ignore a word has one last character
	for r, f := range fractions {
		if rest, found := strings.CutSuffix(word, string(r)); found {
			if rest == "" {
				return f, true
			}
			word, part = rest, f
			if strings.ContainsAny(word, ".eE") {
				return 0, false
			}
			break
		}
	}
	if grouped.MatchString(word) {
		word = strings.ReplaceAll(word, ",", "")
	}
	if !numeral.MatchString(word) {
		return 0, false
	}
	value, err := strconv.ParseFloat(word, 64)
	return value + part, err == nil
}

// plain maps fullwidth characters and the minus signs to their ASCII ones.
func plain(word string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= '！' && r <= '～':
			return r - '！' + '!'
		case r == '−' || r == '–' || r == '﹣':
			return '-'
		}
		return r
	}, word)
}
