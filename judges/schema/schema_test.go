package schema_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/schema"
	"github.com/verdict-dev/verdict/scoring"
)

func TestValid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		schema, output string
		want           bool
	}{
		{`{"type":"object","required":["a"]}`, `{"a":1}`, true},
		{`{"type":"object","required":["a"]}`, `{"b":1}`, false},
		{`{"type":"number"}`, `5`, true},
		{`{"type":"integer"}`, `5.0`, true},
		{`{"type":"integer"}`, `5.5`, false},
		{`{"type":"string","minLength":2}`, `"👍"`, false},
		{`{"minimum":9007199254740993}`, `9007199254740992`, false},
		{`{"multipleOf":0.01}`, `0.07`, true},
		{`{"additionalProperties":false,"properties":{"a":true}}`, `{"a":1,"b":2}`, false},
		{`{"$ref":"#/$defs/two","$defs":{"two":{"minimum":2}}}`, `1`, false},
		{`{"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"two":{"minimum":2}},"$ref":"#/definitions/two"}`, `2`, true},
		{`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":"object"}`, true},
		{`{"$ref":"https://json-schema.org/draft/2020-12/schema"}`, `{"type":"thing"}`, false},
		{`{"format":"email"}`, `"no address"`, true},
		{`{"$ref":"#"}`, `1`, false}, // refers to itself for ever
		{`{"minimum":3}`, `1e1000000000`, false},
		{`{"type":"object"}`, `{"a":[1e900000]}`, false},
		{`true`, `null`, true},
		{`false`, `null`, false},
		{`true`, `{"a":1,"a":1}`, false},
		{`true`, `{"a":1,"A":1}`, true},
		{`true`, `1 2`, false},
		{`true`, "\"\xff\"", false},
		{`true`, ``, false},
	} {
		s, err := schema.Compile(c.schema)
		require.NoError(t, err, c.schema)
		err = s.Check(c.output)
		require.Equal(t, c.want, err == nil, "%s %s: %v", c.schema, c.output, err)
		require.Equal(t, c.want, s.Valid(c.output))
	}
}

// A schema that is none is an error, and never an output that does not match.
func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "schema.json")
	require.NoError(t, os.WriteFile(secret, []byte(`{"title":"hush","type":"string"}`), 0o600))
	for _, text := range []string{
		``, `5`, `"object"`, `{`, `{"type":"thing"}`, `{"type":"string","type":"number"}`, `{"pattern":"(?=a)"}`, `{"minimum":1e1000000000}`,
		`{"$ref":"other.json"}`, `{"$ref":"#/$defs/none"}`, `{"$ref":"http://example.com/schema.json"}`, `{"$schema":"http://example.com/own"}`,
		fmt.Sprintf(`{"$ref":"file://%s"}`, filepath.ToSlash(secret)), fmt.Sprintf(`{"$ref":%q}`, filepath.ToSlash(secret)),
		fmt.Sprintf(`{"$id":"file:///","$ref":%q}`, filepath.ToSlash(secret)), `{"$id":"file:///etc/","$ref":"passwd"}`,
	} {
		_, err := schema.Compile(text)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid, text)
		require.NotContains(t, err.Error(), "hush")
	}
}

func TestDepth(t *testing.T) {
	t.Parallel()
	s, err := schema.Compile(`{"items":{"$ref":"#"}}`)
	require.NoError(t, err)
	require.True(t, s.Valid(strings.Repeat("[", 1000)+strings.Repeat("]", 1000)))
	require.False(t, s.Valid(strings.Repeat("[", 100_000)))
}

func FuzzSchema(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"minimum":1}}}`, `{"a":1e1000000000}`)
	f.Add(`{"$ref":"#"}`, `[1]`)
	f.Add(`{"multipleOf":1e-399}`, `1e400`)
	f.Add(`{"uniqueItems":true,"const":[1,1.0]}`, `[1,1.0]`)
	f.Add(`{"$id":"file:///etc/","$ref":"passwd"}`, `"a"`)
	f.Fuzz(func(t *testing.T, text, output string) {
		s, err := schema.Compile(text)
		if err != nil {
			return
		}
		if s.Valid(output) != (s.Check(output) == nil) {
			t.Errorf("%s: two answers for %s", text, output)
		}
	})
}

func Example() {
	order, err := schema.Compile(`{"type":"object","properties":{"total":{"type":"number","minimum":0}},"required":["total"]}`)
	if err != nil {
		panic(err)
	}
	fmt.Println(order.Valid(`{"total": 12.5}`), order.Valid(`{"total": "12.5"}`))

	j, err := judges.OfOutput(judges.ID{Name: "order_schema", Version: "1"}, order.Valid)
	fmt.Println(j.ID(), err)
	// Output:
	// true false
	// order_schema@1 <nil>
}
