package scoring_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
)

// nasty draws texts of what JSON escapes, of every width in UTF-8, and of bytes that are no UTF-8 at all.
func nasty() *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"<", ">", "&", `"`, `\`, "\u2028", "\u2029", "\ufffd", "\x00", "\b\f\n\r\t", "\x7f", "\u0085", "é", "日", "👍",
			"\xff", "\xe2\x80", "\xc3", "\xed\xa0\x80", "a"}),
		rapid.String(),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)
	return rapid.Map(rapid.SliceOf(piece), func(all []string) string { return strings.Join(all, "") })
}

func encoded(t require.TestingT, v any) int {
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return len(data)
}

func FuzzEncodedText(f *testing.F) {
	for _, s := range []string{"", "plain", `Q&A: "answer" <-> source\7`, "\u2028\u2029\u0000\x1f\x7f", "日本👍\xff\xe2\x80"} {
		f.Add(s, 10)
	}
	f.Fuzz(func(t *testing.T, s string, n int) {
		require.Equal(t, encoded(t, s), scoring.EncodedText(s), "%q", s)
		checkClipped(t, s, n)
	})
}

func TestEncodedText(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= utf8.MaxRune; r++ { // every character there is
		if s := string(r); encoded(t, s) != scoring.EncodedText(s) {
			require.Equal(t, encoded(t, s), scoring.EncodedText(s), "%U", r)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := nasty().Draw(t, "s")
		require.Equal(t, encoded(t, s), scoring.EncodedText(s))
		checkClipped(t, s, rapid.IntRange(-3, 2*len(s)+9).Draw(t, "n"))
	})
}

func TestEncodedTextAllocatesNothing(t *testing.T) {
	long := strings.Repeat(`<é&"`, 1000)
	require.Zero(t, testing.AllocsPerRun(10, func() { scoring.EncodedText(long) }))
}

// checkClipped holds a clipped text to its limit, and to being the longest beginning that keeps it.
func checkClipped(t require.TestingT, s string, n int) {
	for name, c := range map[string]struct {
		got  string
		size func(string) int
	}{
		"raw":     {scoring.Clip(s, n), func(s string) int { return len(s) }},
		"encoded": {scoring.ClipEncoded(s, n), scoring.EncodedText},
	} {
		require.True(t, strings.HasPrefix(s, c.got), name)
		require.True(t, c.got == "" || c.size(c.got) <= n, "%s: %q of %q is over %d", name, c.got, s, n)
		if !utf8.ValidString(s) {
			continue
		}
		require.True(t, utf8.ValidString(c.got), name)
		if rest := s[len(c.got):]; rest != "" {
			_, width := utf8.DecodeRuneInString(rest)
			require.Greater(t, c.size(c.got+rest[:width]), n, "%s: one more character of %q would fit", name, s)
		}
	}
}

// A payload is what it was, however often it has travelled, and says the same however it was written.
func TestTidyPayload(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"\u003c"`: `"<"`, `"\u003C\u0026\u2028"`: "\"<&\u2028\"", `"\\u003c"`: `"\\u003c"`, `"\\\u003c"`: `"\\<"`, `"\u0022\""`: `"\u0022\""`, `{"\u003e":1}`: `{">":1}`, `1`: `1`,
	} {
		require.Equal(t, want, string(scoring.Outcome{Payload: json.RawMessage(in)}.Tidy().Payload))
	}
	require.Nil(t, scoring.Outcome{}.Tidy().Payload)
	rapid.Check(t, func(t *rapid.T) {
		var written bytes.Buffer // as it is sent by somebody who escapes as little as may be
		e := json.NewEncoder(&written)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(map[string]string{nasty().Draw(t, "key"): nasty().Draw(t, "value")}))
		o := scoring.Outcome{Payload: bytes.ReplaceAll(bytes.ReplaceAll(bytes.TrimSpace(written.Bytes()), []byte(`\u2028`), []byte("\u2028")), []byte(`\u2029`), []byte("\u2029"))}
		if !json.Valid(o.Payload) {
			t.Skip("a backslash before it")
		}
		sent := o.Tidy().Payload
		require.JSONEq(t, string(o.Payload), string(sent))
		for range 2 { // to the workflow, and to the activity
			data, err := json.Marshal(o)
			require.NoError(t, err)
			o = scoring.Outcome{}
			require.NoError(t, json.Unmarshal(data, &o))
		}
		require.Equal(t, string(sent), string(o.Tidy().Payload))
		require.LessOrEqual(t, len(o.Tidy().Payload), written.Len())
	})
}

func TestEncodedSize(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := nasty()
		rec := scoring.Record{
			Score: scoring.Number(text.Draw(t, "name"), rapid.Float64Range(-1e300, 1e300).Draw(t, "value")).WithReason(text.Draw(t, "reason")),
			Run:   scoring.Run{WorkflowID: text.Draw(t, "id"), RunID: "r"}, Step: scoring.Step{ID: text.Draw(t, "step")},
			RecordedAt: time.Unix(0, rapid.Int64().Draw(t, "at")),
		}
		rec.Sessions = []scoring.Session{{Key: text.Draw(t, "session"), ID: "1"}}
		outcome := scoring.Outcome{ID: text.Draw(t, "outcome"), Payload: json.RawMessage(`{"a": ` + string(must(json.Marshal(text.Draw(t, "payload")))) + ` }`)}
		for _, v := range []any{rec, outcome, scoring.Flush{Records: []scoring.Record{rec}}, []scoring.Outcome{outcome}, text.Draw(t, "text")} {
			n, err := scoring.EncodedSize(v)
			require.NoError(t, err)
			require.Equal(t, encoded(t, v), n)
		}
		require.GreaterOrEqual(t, rec.EncodedBound(), encoded(t, rec))
		require.Less(t, rec.EncodedBound(), encoded(t, rec)+700)
	})
	full := scoring.Record{
		Score: scoring.Number("n", -1.2345678901234567e-300), Step: scoring.Step{ID: "1", Type: "t", Attempt: math.MaxInt32},
		Source: scoring.FromWorkflow, RecordedAt: time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("", -3600)),
		Revision: math.MaxInt, Retracted: true, Superseded: true, OriginalRunID: "o", Scorer: "s", ScorerVersion: "1", BuildID: "b", Run: scoring.Run{Namespace: "n", WorkflowID: "w", RunID: "r"},
	}
	full.State, full.ObservedAt, full.Key, full.Reason = scoring.Declined, full.RecordedAt, "k", "r"
	for range 3 {
		full.Said = append(full.Said, scoring.Said{ObservedAt: full.RecordedAt, RecordedAt: full.RecordedAt, Attempt: math.MaxInt32})
		require.GreaterOrEqual(t, full.EncodedBound(), encoded(t, full))
		require.GreaterOrEqual(t, full.Score.EncodedBound(), encoded(t, full.Score))
	}
	_, err := scoring.EncodedSize(func() {})
	require.Error(t, err)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
