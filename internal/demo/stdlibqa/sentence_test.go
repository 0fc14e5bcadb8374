package stdlibqa

import (
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRemoveName(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, sentence, want string }{
		{"Fprintln", "Fprintln formats and writes to w.", "formats and writes to w."},
		{"Buffer", "A Buffer is a variable-sized buffer of bytes.", "is a variable-sized buffer of bytes."},
		{"Error", "An Error holds an error, Errors hold Error values.", "holds an error, Errors hold values."},
		{"Len", "Len returns b.Len() of (*Buffer).Len and bytes.Buffer.Len.", "returns of and ."},
		{"Len", "The result of Len is Length or len.", "The result of is Length or len."},
		{"Time", "Add adds to Time's wall clock, not to Times or time.", "Add adds to wall clock, not to Times or time."},
		{"Reader", "NewReader wraps a *Reader; see &Reader.", "NewReader wraps a ; see ."},
		{"Do", "Do, once called, stays done.", "once called, stays done."},
		{"X", "_X and X_ and X2 stay, X goes.", "_X and X_ and X2 stay, goes."},
		{"Ä", "Ä is not Änderung or ßÄ.", "is not Änderung or ßÄ."},
		{"Of", "Called 3 . Of anything.", "Called 3 . anything."},
		{"F", "G calls F(x).", "G calls (x)."},
		{"Scan", "Scan Scan Scan.Scan", ""},
		{"Gone", "nothing here", "nothing here"},
		{"", "no name at all", "no name at all"},
		{"Name", "", ""},
	} {
		require.Equal(t, c.want, removeName(c.sentence, c.name), "%q without %q", c.sentence, c.name)
	}
}

func FuzzRemoveName(f *testing.F) {
	f.Add("A Buffer is (*bytes.Buffer).Buffer() Buffer's", "Buffer")
	f.Add("A'sA()A", "A")
	f.Add("aaa aa", "aa")
	f.Fuzz(func(t *testing.T, sentence, name string) {
		if !token.IsIdentifier(name) {
			t.Skip("a symbol has an identifier for a name")
		}
		got := removeName(sentence, name)
		require.Negative(t, indexWord(got, name), "%q", got)
		require.Equal(t, strings.Join(strings.Fields(got), " "), got)
		require.Equal(t, got, removeName(got, name), "nothing is left to remove")
	})
}

func TestSplitSentence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, sentence, rest string }{
		{"One. Two. Three.", "One.", "Two. Three."},
		{"No full stop", "No full stop", ""},
		{"Only one.", "Only one.", ""},
		{"Version 1.2 of a.out is old. New.", "Version 1.2 of a.out is old.", "New."},
		{"A file, e.g. a table (i.e. rows). Rest.", "A file, e.g. a table (i.e. rows).", "Rest."},
		{"The set of type T. It is new.", "The set of type T.", "It is new."},
		{"Wait... More.", "Wait...", "More."},
		{". x", ".", "x"},
		{"", "", ""},
	} {
		sentence, rest := splitSentence(c.text)
		require.Equal(t, c.sentence, sentence)
		require.Equal(t, c.rest, rest)
	}
}

func TestSplitNames(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"ReadHTTPHeader":          "Read HTTP Header",
		"net/http.Server.Serve":   "net/http.Server.Serve",
		"func (b *Buffer) ReadAt": "func (b *Buffer) Read At",
		"UTF8ToRune":              "UTF8 To Rune",
		"URL":                     "URL",
		"HTTPServer":              "HTTP Server",
		"":                        "",
	} {
		require.Equal(t, want, splitNames(in))
	}
}
