package stdlibqa

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

const fakeRoot = "testdata/goroot"

func load(t *testing.T, o Options) *Corpus {
	t.Helper()
	c, err := Load(t.Context(), o)
	require.NoError(t, err)
	return c
}

// realOnce is the standard library of the Go that runs the tests, read once for all of them.
var realOnce = sync.OnceValues(func() (*Corpus, error) { return Load(context.Background(), Options{}) })

func standardLibrary(t *testing.T) *Corpus {
	t.Helper()
	if testing.Short() {
		t.Skip("reads the whole standard library")
	}
	c, err := realOnce()
	require.NoError(t, err)
	return c
}

func TestLoadKeepsWhatAUserCanImport(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	require.Equal(t, "go1.99.0", c.Release)
	var symbols []string
	for _, d := range c.Documents {
		symbols = append(symbols, d.Symbol)
	}
	require.Equal(t, []string{
		"shelf.A", "shelf.Count", "shelf.Echo", "shelf.NewShelf", "shelf.Shelf", "shelf.Shelf.Lend",
		"shelf.Shelf.Restock", "shelf.Spine", "shelf.Title", "shelf/paper.Weight",
	}, symbols, "neither tests, other systems, programs, internal, vendored nor undocumented symbols")
}

func TestLoadAsksWhatHasOneAnswer(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	asked := map[string]string{}
	for _, q := range c.Questions {
		asked[q.Answer] = q.Text
	}
	require.Equal(t, map[string]string{
		"shelf.NewShelf":      "returns an empty shelf that has room for so many books.",
		"shelf.Shelf":         "holds the books of one room, in the order of their titles.",
		"shelf.Shelf.Lend":    "hands a volume over to a reader until the given day.",
		"shelf.Shelf.Restock": "orders new copies from the printer whenever fewer than minimum copies remain, e.g. after a busy week.",
		"shelf/paper.Weight":  "reports how heavy one square metre of the sheet is.",
	}, asked, "Title and Spine ask the same, Count asks too little, Echo repeats its sentence, A says too little")
}

func TestDocumentIsSignatureAndRest(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	of := func(symbol string) Document {
		i := slices.IndexFunc(c.Documents, func(d Document) bool { return d.Symbol == symbol })
		require.GreaterOrEqual(t, i, 0, symbol)
		return c.Documents[i]
	}
	require.Equal(t, Document{
		Symbol:    "shelf.Shelf.Lend",
		Signature: "func (s *Shelf) Lend(title string, reader io.Reader, day int) (volume string, err error)",
		Rest:      "If Lend finds nothing it returns io.EOF.\nA borrower who is late pays a fine.",
	}, of("shelf.Shelf.Lend"))
	shelf := of("shelf.Shelf")
	require.Equal(t, "The zero Shelf is empty and ready to use. It must not be copied.", shelf.Rest)
	require.Contains(t, shelf.Signature, "// Capacity limits how many volumes fit.\n\tCapacity int")
	require.NotContains(t, shelf.Signature, "books ", "an unexported field is not part of the declaration")
}

func TestLoadOnlySomePackages(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot, Packages: []string{"shelf/paper", "shelf/paper"}})
	require.Len(t, c.Documents, 1)
	require.Equal(t, "shelf/paper.Weight", c.Documents[0].Symbol)

	for _, path := range []string{"shelf/none", "../goroot/src/shelf", "", "/"} {
		_, err := Load(t.Context(), Options{GOROOT: fakeRoot, Packages: []string{path}})
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid, "%q", path)
		require.Equal(t, "packages", invalid.Field)
	}
}

func TestLoadThroughALink(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	target, err := filepath.Abs(filepath.Join(fakeRoot, "src"))
	require.NoError(t, err)
	if err := os.Symlink(target, filepath.Join(root, "src")); err != nil {
		t.Skip("this system has no symbolic links:", err)
	}
	c := load(t, Options{GOROOT: root})
	require.Len(t, c.Documents, 10)
	require.Empty(t, c.Release)
}

func TestLoadSaysWhereSourcesAreMissing(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := Load(t.Context(), Options{GOROOT: empty})
	var missing *MissingSourcesError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, empty, missing.GOROOT)
	require.ErrorContains(t, err, filepath.Join(empty, "src"))
	require.ErrorIs(t, err, os.ErrNotExist)

	require.NoError(t, os.Mkdir(filepath.Join(empty, "src"), 0o700))
	_, err = Load(t.Context(), Options{GOROOT: empty})
	require.ErrorAs(t, err, &missing)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Load(ctx, Options{GOROOT: fakeRoot})
	require.ErrorIs(t, err, context.Canceled)
}

func TestGOROOTComesFromTheEnvironment(t *testing.T) {
	t.Setenv("GOROOT", fakeRoot)
	require.Len(t, load(t, Options{}).Documents, 10)

	t.Setenv("GOROOT", "")
	t.Setenv("PATH", "")
	_, err := Load(t.Context(), Options{})
	var missing *MissingSourcesError
	require.ErrorAs(t, err, &missing)
	require.Empty(t, missing.GOROOT)
	require.ErrorContains(t, err, "GOROOT")
}

func TestQuestionByID(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	other := load(t, Options{GOROOT: fakeRoot, Packages: []string{"shelf"}})
	require.NotEmpty(t, other.Questions)
	for _, q := range other.Questions {
		found, ok := c.Question(q.ID)
		require.True(t, ok)
		require.Equal(t, q, found, "an id does not depend on what else was loaded")
		require.NotContains(t, q.ID, q.Answer)
	}
	_, ok := c.Question("q-000000000000")
	require.False(t, ok)
}

func TestSample(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	all := c.Sample(100, 1)
	require.ElementsMatch(t, c.Questions, all)
	require.Equal(t, all[:3], c.Sample(3, 1))
	require.Empty(t, c.Sample(0, 1))
	require.Empty(t, c.Sample(-1, 1))
	orders := map[string]bool{}
	for seed := range int64(20) {
		var order []string
		for _, q := range c.Sample(100, seed) {
			order = append(order, q.ID)
		}
		orders[strings.Join(order, " ")] = true
	}
	require.Greater(t, len(orders), 10, "the seed decides the order")
}

func TestStandardLibrary(t *testing.T) {
	t.Parallel()
	c := standardLibrary(t)
	require.Greater(t, len(c.Questions), 2500)
	again := load(t, Options{})
	require.Equal(t, c, again)

	ids, symbols := map[string]bool{}, map[string]bool{}
	require.NotEmpty(t, c.Documents)
	for _, d := range c.Documents {
		require.False(t, symbols[d.Symbol], d.Symbol)
		symbols[d.Symbol] = true
	}
	for _, q := range c.Questions {
		require.False(t, ids[q.ID], q.ID)
		ids[q.ID] = true
		require.True(t, symbols[q.Answer], q.Answer)
		name := q.Answer[strings.LastIndexByte(q.Answer, '.')+1:]
		require.Negative(t, indexWord(q.Text, name), "%s: %s", q.Answer, q.Text)
	}
}

// The question's sentence must not be in the index, not even in other layout or punctuation: with the name in it, as it
// was written, in its own document; and without, in any document.
func TestNoDocumentHoldsItsQuestion(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, root string, c *Corpus) {
		root, err := goroot(t.Context(), root)
		require.NoError(t, err)
		symbols, err := readSymbols(t.Context(), root, nil)
		require.NoError(t, err)
		require.Len(t, c.Documents, len(symbols))
		bySymbol := map[string]symbol{}
		for _, s := range symbols {
			bySymbol[s.Symbol] = s
			require.NotContains(t, s.Rest, s.sentence+" ", s.Symbol)
		}
		texts := make([]string, len(c.Documents))
		own := map[string]string{}
		for i, d := range c.Documents {
			texts[i] = " " + normal(d.Text()) + " "
			own[d.Symbol] = texts[i]
		}
		everything := strings.Join(texts, "|")
		require.NotEmpty(t, c.Questions)
		for i, q := range c.Questions {
			s := bySymbol[q.Answer]
			require.NotContains(t, own[q.Answer], " "+normal(s.sentence)+" ", s.Symbol)
			require.NotContains(t, own[q.Answer], " "+normal(q.Text)+" ", s.Symbol)
			if i%10 == 0 { // everything with everything takes long
				require.NotContains(t, everything, " "+normal(q.Text)+" ", s.Symbol)
			}
		}
	}
	t.Run("fake", func(t *testing.T) { t.Parallel(); check(t, fakeRoot, load(t, Options{GOROOT: fakeRoot})) })
	t.Run("real", func(t *testing.T) { t.Parallel(); check(t, "", standardLibrary(t)) })
}
