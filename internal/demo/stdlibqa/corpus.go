// Package stdlibqa makes a question-answering task of the Go standard library's own source: data that comes with every
// Go installation, with answers that need no labelling.
//
// A question is the first sentence of a symbol's doc comment without the symbol's name; the right answer is the symbol.
// The search covers the symbol's declaration and the rest of its comment, never the sentence. Two retrievers look for
// the answer, [Substring] and [BM25], and they differ in how well they find it.
//
// Everything is a function of the Go release and a seed. A process that knows a question's id can find the question and
// its answer by loading the same sources, without knowing who asked or who answered.
package stdlibqa

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Options are the options of [Load]. The zero value loads the whole standard library of the installed Go.
type Options struct {
	// GOROOT is where Go is installed. Defaults to the environment's GOROOT, else to what "go env GOROOT" says.
	GOROOT string
	// Packages are the import paths to load, such as "net/http". Defaults to all but internal, vendored and commands.
	Packages []string
}

// Question asks for a symbol.
type Question struct {
	// ID names the question and does not reveal the answer. It is the same on every machine and in every Go release.
	ID string `json:"id"`
	// Text is the first sentence of the symbol's comment, without the symbol's name.
	Text string `json:"text"`
	// Answer is the symbol: "import/path.Func", "import/path.Type" or "import/path.Type.Method".
	Answer string `json:"answer"`
}

// Document is what may be searched to find a symbol.
type Document struct {
	// Symbol is the symbol, as in [Question.Answer].
	Symbol string
	// Signature is the declaration as Go source, with types, and for a type with its exported fields or methods and
	// their comments.
	Signature string
	// Rest is the doc comment after its first sentence. May be empty.
	Rest string
}

// Text is the whole document, and the only input of a retriever.
func (d Document) Text() string { return d.Symbol + "\n" + d.Signature + "\n" + d.Rest }

// Corpus is the questions and the documents of a Go installation. It is never changed, so that any number of goroutines
// may use it.
type Corpus struct {
	// Release is the Go release, such as "go1.26.0"; empty when GOROOT has no VERSION file.
	Release string
	// Documents has one for each documented exported function, method and type, sorted by Symbol.
	Documents []Document
	// Questions are sorted by Answer. Not every document has one: see [Load].
	Questions []Question

	byID map[string]int
}

// Load reads the sources under GOROOT/src for linux/amd64 without cgo, on every machine, so that all machines ask the
// same questions. It takes about a second of one core and respects ctx.
//
// A documented symbol is searched but not asked for when its sentence has fewer than five words, is said of another
// symbol too, or is repeated in a document, and when its own document has fewer than four telling words.
//
// It returns a [MissingSourcesError] when there are no Go sources, and an error when one of Packages is not there.
func Load(ctx context.Context, o Options) (*Corpus, error) {
	root, err := goroot(ctx, o.GOROOT)
	if err != nil {
		return nil, err
	}
	symbols, err := readSymbols(ctx, root, o.Packages)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(symbols, func(a, b symbol) int { return cmp.Compare(a.Symbol, b.Symbol) })
	c := &Corpus{Release: release(root), byID: map[string]int{}}
	for _, s := range symbols {
		c.Documents = append(c.Documents, s.Document)
	}
	unclear := repeated(symbols)
	for _, s := range symbols {
		if q := s.question(); !unclear[s.Symbol] && len(words(q)) >= minQuestionWords && s.findable() {
			c.byID[questionID(s.Symbol)] = len(c.Questions)
			c.Questions = append(c.Questions, Question{ID: questionID(s.Symbol), Text: q, Answer: s.Symbol})
		}
	}
	return c, nil
}

const (
	minQuestionWords = 5
	minTellingWords  = 4
)

// findable tells whether the document has enough to be found by. It does not look at the question: hard ones stay.
func (s symbol) findable() bool {
	telling := map[string]bool{}
	for _, w := range words(splitNames(s.Text())) {
		if !stopWords[w] && len(w) > 1 {
			telling[w] = true
		}
	}
	return len(telling) >= minTellingWords
}

// repeated returns the symbols whose question another symbol has too, or whose sentence appears in some document. To
// find the latter without comparing everything with everything, sentences are looked up by their first words.
func repeated(symbols []symbol) map[string]bool {
	unclear := map[string]bool{}
	asked := map[string]string{}
	begins := map[string][]symbol{}
	for _, s := range symbols {
		q := normal(s.question())
		if other, ok := asked[q]; ok {
			unclear[s.Symbol], unclear[other] = true, true
		}
		asked[q] = s.Symbol
		if w := words(q); len(w) >= minQuestionWords {
			key := strings.Join(w[:minQuestionWords], " ")
			begins[key] = append(begins[key], s)
		}
	}
	for _, d := range symbols {
		text := normal(d.Text())
		w := strings.Fields(text)
		for i := minQuestionWords; i <= len(w); i++ {
			for _, s := range begins[strings.Join(w[i-minQuestionWords:i], " ")] {
				if contains(text, normal(s.question())) || contains(text, normal(s.sentence)) {
					unclear[s.Symbol] = true
				}
			}
		}
	}
	return unclear
}

// contains tells whether the words of phrase appear in text, in order; both are [normal].
func contains(text, phrase string) bool { return strings.Contains(" "+text+" ", " "+phrase+" ") }

func questionID(symbol string) string {
	sum := sha256.Sum256([]byte(symbol))
	return "q-" + hex.EncodeToString(sum[:6])
}

// Question returns the question with an id; ok is false when there is none.
func (c *Corpus) Question(id string) (q Question, ok bool) {
	i, ok := c.byID[id]
	if !ok {
		return Question{}, false
	}
	return c.Questions[i], true
}

// Sample returns n different questions in an order that only the seed decides, or all of them if there are fewer. A
// smaller sample of the same seed is the beginning of a larger one.
func (c *Corpus) Sample(n int, seed int64) []Question {
	type drawn struct {
		Question
		at float64
	}
	all := make([]drawn, len(c.Questions))
	for i, q := range c.Questions {
		all[i] = drawn{q, draw(seed, "sample", q.ID)}
	}
	slices.SortFunc(all, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ID, b.ID))
	})
	sample := make([]Question, max(0, min(n, len(all))))
	for i := range sample {
		sample[i] = all[i].Question
	}
	return sample
}

// draw returns a number in [0, 1), uniform over the ids of any purpose and seed. It depends on no generator's state and
// no order of calls.
func draw(seed int64, purpose, id string) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s/%s", seed, purpose, id))
	bits := uint64(0)
	for _, b := range sum[:8] {
		bits = bits<<8 | uint64(b)
	}
	return float64(bits>>11) / (1 << 53)
}
