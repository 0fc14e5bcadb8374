package strictjson_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/internal/strictjson"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{}`, ` [ ] `, `null`, `-1.5e+3`, `"a"`, `{"a":[{"b":1},{"b":2}],"c":{"b":true,"a":null}}`, "\t{ \"a\" : [ 1 , 2 ] , \"b\" : { } }\n",
		`{"a":"\ud83d\ude00","b":"\\ud800","c":"\u00e9\"}","":1}`, `{"payload":{"a":1,"A":2}}`, `{"payload":[{"a":{"b":1,"B":2}}]}`,
	} {
		require.NoError(t, strictjson.Check([]byte(text), "payload"), text)
	}
	for text, member := range map[string]string{
		``: "", `{`: "", `{} {}`: "", `{} garbage`: "", `{}}`: "", `{}]`: "", `{"a":1}x`: "", `{'a':1}`: "", "\ufeff{}": "", `{"a":01}`: "",
		"{\"a\":\"\xff\"}": "", "{\"\xc3\x28\":1}": "",
		`{"a":1,"a":1}`: "a", `{"a":1,"b":{"c":[{"d":1,"d":2}]}}`: "d", `{"a":1,"\u0061":1}`: "a",
		`{"a":1,"A":2}`: "A", `{"b":{"key":1,"\u212aey":2}}`: "\u212aey",
		`{"payload":{"a":1,"a":2}}`: "a", `{"payload":1,"Payload":2}`: "Payload", `{"x":{"payload":{"a":1,"A":2}}}`: "A",
		`{"a":"\ud800"}`: "a", `{"a":["\udc00\ud800"]}`: "a", `{"a":"\ud83dx\ude00"}`: "a", `{"\ud800":1}`: "", `{"a":"\ud83d\u0041"}`: "a",
	} {
		err := strictjson.Check([]byte(text), "payload")
		var refused *strictjson.Error
		require.ErrorAs(t, err, &refused, text)
		require.Equal(t, member, refused.Member, text)
		require.NotEmpty(t, refused.Reason)
	}
}

// What encoding/json writes passes, whatever is in it, and what is said twice does not.
func TestCheckProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var value func(depth int) any
		value = func(depth int) any {
			switch rapid.IntRange(0, 5).Draw(t, "kind") {
			case 0:
				return rapid.String().Draw(t, "text")
			case 1:
				return rapid.Float64Range(-1e300, 1e300).Draw(t, "number")
			case 2:
				return rapid.SampledFrom([]any{nil, true, false}).Draw(t, "word")
			case 3:
				if depth == 0 {
					return []any{}
				}
				return []any{value(depth - 1), value(depth - 1)}
			}
			members := map[string]any{}
			for range rapid.IntRange(0, 3).Draw(t, "members") {
				members[rapid.StringMatching(`[a-z"\\é]{0,4}`).Draw(t, "name")] = rapid.String().Draw(t, "value")
			}
			if depth > 0 {
				members["deeper"] = value(depth - 1)
			}
			return members
		}
		text, err := json.MarshalIndent(value(4), rapid.StringMatching(`[ \t]{0,2}`).Draw(t, "prefix"), " ")
		require.NoError(t, err)
		require.NoError(t, strictjson.Check(text), "%s", text)
		require.Error(t, strictjson.Check([]byte(`{"a":`+string(text)+`,"b":1,"a":`+string(text)+`}`)))
	})
}

func TestRounded(t *testing.T) {
	t.Parallel()
	for _, exact := range []string{"0", "-0", "1", "9007199254740992", "-9007199254740992", "9007199254740994", "1152921504606846976", "1.5", "9007199254740993.0", "1e400", "true", `"x"`} {
		require.False(t, strictjson.Rounded([]byte(exact)), exact)
	}
	for _, rounded := range []string{"9007199254740993", "-9007199254740993", " 9007199254740995 ", "12345678901234567890", "1" + strings.Repeat("0", 400) + "1"} {
		require.True(t, strictjson.Rounded([]byte(rounded)), rounded)
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64().Draw(t, "n")
		back, _ := new(big.Float).SetFloat64(float64(n)).Int(nil)
		require.Equal(t, back.Cmp(big.NewInt(n)) != 0, strictjson.Rounded([]byte(big.NewInt(n).String())))
	})
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":["\ud83d\ude00",{"b":1}],"A":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if strictjson.Check(data) == nil {
			require.True(t, json.Valid(data))
		}
	})
}
