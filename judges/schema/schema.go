// Package schema judges JSON by a JSON Schema. It is a package of its own so that programs without schemas do not link
// the validator.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/verdict-dev/verdict/internal/strictjson"
	"github.com/verdict-dev/verdict/scoring"
)

// Schema is a compiled JSON Schema. It is safe for concurrent use.
type Schema struct{ compiled *jsonschema.Schema }

// address stands for the schema's own. A relative reference becomes another one with the same scheme, which nothing loads.
const address = "verdict:///schema"

// Compile reads a JSON Schema of draft 4 to 2020-12; without a $schema it is of 2020-12. It refuses, with a
// [scoring.InvalidError], an invalid schema and a reference out of it: nothing is read from files or the network,
// except the standard's own schemas, which are built in. Formats are not checked, as the standard has it by default.
func Compile(text string) (*Schema, error) {
	document, err := read(text)
	if err != nil {
		return nil, scoring.Invalid("schema", "%v", err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{}) // the default one follows references to files
	if err := c.AddResource(address, document); err != nil {
		return nil, scoring.Invalid("schema", "%v", err)
	}
	compiled, err := c.Compile(address)
	if err != nil {
		return nil, scoring.Invalid("schema", "%v", err)
	}
	return &Schema{compiled}, nil
}

// Valid tells whether output is, as a whole, one JSON value that the schema allows; unlike for judges.ValidJSON a
// number or a text may be one. [judges.OfOutput] makes a judge of it.
func (s *Schema) Valid(output string) bool { return s.Check(output) == nil }

// Check returns nil for an output that is [Schema.Valid], and else an error that says what the schema does not allow,
// or why the output is not JSON, or has a number whose exponent is beyond ±400. It quotes the output.
func (s *Schema) Check(output string) error {
	value, err := read(output)
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	return s.compiled.Validate(value)
}

// read returns the one meaning of a JSON text.
func read(text string) (any, error) {
	value, err := strictjson.Value(text)
	if err != nil {
		return nil, err
	}
	if !bounded(value) {
		return nil, errors.New("a number has an exponent beyond ±400")
	}
	return value, nil
}

// maxExponent bounds numbers. The validator compares them as fractions: it takes megabytes for some exponents and
// panics at larger ones.
const maxExponent = 400

// bounded tells whether the validator can compare all numbers in a value.
func bounded(value any) bool {
	switch x := value.(type) {
	case json.Number:
		_, exponent, found := strings.Cut(strings.ToLower(string(x)), "e")
		n, err := strconv.Atoi(exponent)
		return !found || err == nil && n >= -maxExponent && n <= maxExponent
	case []any:
		return !slices.ContainsFunc(x, func(v any) bool { return !bounded(v) })
	case map[string]any:
		for _, v := range x {
			if !bounded(v) {
				return false
			}
		}
	}
	return true
}
