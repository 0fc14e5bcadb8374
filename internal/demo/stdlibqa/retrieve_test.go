package stdlibqa

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/verdict-dev/verdict/scoring"
)

func retrievers(t testing.TB, c *Corpus) map[string]Retriever {
	t.Helper()
	bm25, err := NewBM25(context.Background(), c)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bm25.Close()) })
	return map[string]Retriever{"substring": NewSubstring(c), "bm25": bm25}
}

func TestRetrieversFindTheObvious(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	for name, r := range retrievers(t, c) {
		hits, err := r.Retrieve(t.Context(), "what does a late borrower pay as a fine?", 3)
		require.NoError(t, err, name)
		require.NotEmpty(t, hits, name)
		require.LessOrEqual(t, len(hits), 3, name)
		require.True(t, onTop(hits, "shelf.Shelf.Lend"), "%s: %v", name, hits)
		require.Positive(t, hits[0].Score, name)
		require.True(t, slices.IsSortedFunc(hits, func(a, b Hit) int { return cmp.Compare(b.Score, a.Score) }), name)

		hits, err = r.Retrieve(t.Context(), "zyzzyva!", 3)
		require.NoError(t, err, name)
		require.Empty(t, hits, name)

		_, err = r.Retrieve(t.Context(), "book", 0)
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid, name)

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = r.Retrieve(ctx, "book", 1)
		require.ErrorIs(t, err, context.Canceled, name)
		hits, err = r.Retrieve(t.Context(), "fine", 1)
		require.NoError(t, err, name)
		require.Len(t, hits, 1, "%s: a canceled call leaves the index as it was", name)
	}
}

func TestOnlyBM25KnowsStemsAndNames(t *testing.T) {
	t.Parallel()
	both := retrievers(t, load(t, Options{GOROOT: fakeRoot}))
	for name, want := range map[string]float64{"bm25": 1, "substring": 0} {
		hits, err := both[name].Retrieve(t.Context(), "copying", 5) // "It must not be copied"
		require.NoError(t, err)
		require.Equal(t, want, ReciprocalRank(hits, "shelf.Shelf"), name)
	}
	hits, err := both["bm25"].Retrieve(t.Context(), "something new", 5) // NewShelf
	require.NoError(t, err)
	require.True(t, onTop(hits, "shelf.NewShelf"), "%v", hits)
}

// The index by words must give what looking into every document gives.
func TestSubstringIsWhatItSays(t *testing.T) {
	t.Parallel()
	corpora := map[string]*Corpus{"fake": load(t, Options{GOROOT: fakeRoot})}
	if !testing.Short() {
		corpora["real"] = standardLibrary(t)
	}
	for name, c := range corpora {
		texts := make([]string, len(c.Documents))
		for i, d := range c.Documents {
			texts[i] = strings.ToLower(d.Text())
		}
		s := NewSubstring(c)
		for _, q := range c.Sample(20, 5) {
			asked := slices.Compact(slices.Sorted(slices.Values(words(q.Text))))
			var want []Hit
			for i, text := range texts {
				n := 0
				for _, w := range asked {
					if strings.Contains(text, w) {
						n++
					}
				}
				if n > 0 {
					want = append(want, Hit{c.Documents[i].Symbol, float64(n)})
				}
			}
			slices.SortFunc(want, func(a, b Hit) int {
				return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Symbol, b.Symbol))
			})
			got, err := s.Retrieve(t.Context(), q.Text, len(c.Documents))
			require.NoError(t, err)
			require.Equal(t, want, got, "%s: %s", name, q.Text)
		}
	}
}

func TestEqualHitsAreInTheOrderOfSymbols(t *testing.T) {
	t.Parallel()
	c := &Corpus{}
	for _, symbol := range []string{"a.A", "a.B", "a.C", "a.D"} {
		c.Documents = append(c.Documents, Document{Symbol: symbol, Signature: "func (x)", Rest: "the same everywhere"})
	}
	for name, r := range retrievers(t, c) {
		hits, err := r.Retrieve(t.Context(), "everywhere", 3)
		require.NoError(t, err, name)
		require.Equal(t, []string{"a.A", "a.B", "a.C"}, symbolsOf(hits), name)
	}
}

func TestRetrieversAreSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	c := load(t, Options{GOROOT: fakeRoot})
	for name, r := range retrievers(t, c) {
		alone := map[string][]Hit{}
		require.NotEmpty(t, c.Questions)
		for _, q := range c.Questions {
			hits, err := r.Retrieve(t.Context(), q.Text, 5)
			require.NoError(t, err, name)
			alone[q.ID] = hits
		}
		var group errgroup.Group
		for worker := range 8 {
			group.Go(func() error {
				for n := range 50 {
					q := c.Questions[(worker+n)%len(c.Questions)]
					ctx, cancel := context.WithCancel(t.Context())
					if n%5 == 4 {
						go cancel() // some are given up halfway
						_, _ = r.Retrieve(ctx, q.Text, 5)
						continue
					}
					hits, err := r.Retrieve(ctx, q.Text, 5)
					cancel()
					if err != nil {
						return err
					}
					if !slices.Equal(alone[q.ID], hits) {
						t.Errorf("%s: %s gave %v, alone %v", name, q.ID, hits, alone[q.ID])
					}
				}
				return nil
			})
		}
		require.NoError(t, group.Wait(), name)
	}
}

func TestTwoIndexesDoNotMix(t *testing.T) {
	t.Parallel()
	shelf := retrievers(t, load(t, Options{GOROOT: fakeRoot, Packages: []string{"shelf"}}))["bm25"]
	paper := retrievers(t, load(t, Options{GOROOT: fakeRoot, Packages: []string{"shelf/paper"}}))["bm25"]
	hits, err := paper.Retrieve(t.Context(), "moisture or dust", 5)
	require.NoError(t, err)
	require.Equal(t, []string{"shelf/paper.Weight"}, symbolsOf(hits))
	hits, err = shelf.Retrieve(t.Context(), "moisture or dust", 5)
	require.NoError(t, err)
	require.Equal(t, []string{"shelf.NewShelf"}, symbolsOf(hits))
}

func FuzzBM25TakesAnyQuestion(f *testing.F) {
	c, err := Load(context.Background(), Options{GOROOT: fakeRoot})
	require.NoError(f, err)
	r := retrievers(f, c)["bm25"]
	f.Add(`"quoted" AND NOT (this*) ^that: NEAR(a b, 2)`)
	f.Add("\x00\xff ǅ ١٢٣ é é 書架")
	f.Fuzz(func(t *testing.T, question string) {
		_, err := r.Retrieve(t.Context(), question, 3)
		require.NoError(t, err)
	})
}

func TestReciprocalRank(t *testing.T) {
	t.Parallel()
	hits := []Hit{{Symbol: "a"}, {Symbol: "b"}, {Symbol: "c"}, {Symbol: "d"}}
	require.Equal(t, 1.0, ReciprocalRank(hits, "a"))
	require.Equal(t, 0.25, ReciprocalRank(hits, "d"))
	require.Zero(t, ReciprocalRank(hits, "e"))
	require.Zero(t, ReciprocalRank(nil, ""))
	require.True(t, onTop(hits, "a"))
	require.False(t, onTop(hits, "b"))
	require.False(t, onTop(nil, ""))
}

// The demo compares the two: they must differ for real, and neither may be useless or perfect.
func TestBM25IsBetter(t *testing.T) {
	t.Parallel()
	c := standardLibrary(t)
	mrr, first := map[string]float64{}, map[string]float64{}
	sample := c.Sample(150, 11)
	for name, r := range retrievers(t, c) {
		require.NotEmpty(t, sample)
		for _, q := range sample {
			hits, err := r.Retrieve(t.Context(), q.Text, 10)
			require.NoError(t, err)
			mrr[name] += ReciprocalRank(hits, q.Answer) / float64(len(sample))
			if onTop(hits, q.Answer) {
				first[name] += 1 / float64(len(sample))
			}
		}
		t.Logf("%s: MRR@10 %.3f, first hit right %.3f", name, mrr[name], first[name])
	}
	require.Greater(t, first["bm25"], first["substring"]+0.1)
	require.Greater(t, mrr["bm25"], mrr["substring"]+0.1)
	require.Positive(t, first["substring"])
	require.Less(t, first["bm25"], 0.9)
}

func BenchmarkRetrieve(b *testing.B) {
	c, err := Load(context.Background(), Options{})
	require.NoError(b, err)
	questions := c.Sample(len(c.Questions), 1)
	for name, r := range retrievers(b, c) {
		b.Run(name, func(b *testing.B) {
			var mrr, first, n float64
			for b.Loop() {
				q := questions[int(n)%len(questions)]
				hits, err := r.Retrieve(b.Context(), q.Text, 10)
				require.NoError(b, err)
				n++
				mrr += ReciprocalRank(hits, q.Answer)
				if onTop(hits, q.Answer) {
					first++
				}
			}
			b.ReportMetric(mrr/n, "MRR@10")
			b.ReportMetric(first/n, "hit@1")
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		_, err := Load(b.Context(), Options{})
		require.NoError(b, err)
	}
}

func symbolsOf(hits []Hit) []string {
	var symbols []string
	for _, h := range hits {
		symbols = append(symbols, h.Symbol)
	}
	return symbols
}

// onTop tells whether the first hit is the answer.
func onTop(hits []Hit, answer string) bool { return len(hits) > 0 && hits[0].Symbol == answer }
