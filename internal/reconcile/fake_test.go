package reconcile

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// day0 is when everything here happens.
var day0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// answer is one answer of the fake GitHub.
type answer struct {
	status int
	header http.Header
	body   string
	drop   bool // the connection is cut instead
}

func ok(body string) answer { return answer{status: http.StatusOK, body: body} }

func failing(status int, header ...string) answer {
	a := answer{status: status, header: http.Header{}, body: `{"message":"so says GitHub"}`}
	for i := 0; i < len(header); i += 2 {
		a.header.Set(header[i], header[i+1])
	}
	return a
}

// limited is how GitHub answers when the hour's requests are used up.
func limited(reset time.Time) answer {
	return failing(http.StatusForbidden, "X-RateLimit-Remaining", "0", "X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
}

// fake is a server that speaks GitHub's API, and a clock that a wait moves on.
type fake struct {
	*GitHub
	mu      sync.Mutex
	answers map[string][]answer // by path and query; the last one is given again and again
	asked   []string
	tokens  []string
	time    time.Time
	pauses  []time.Duration
}

func newFake(t *testing.T) *fake {
	f := &fake{answers: map[string][]answer{}, time: day0}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	f.GitHub = &GitHub{URL: server.URL, Token: "token", Client: server.Client()}
	f.now = func() time.Time { return f.time }
	f.pause = func(ctx context.Context, d time.Duration) error {
		f.pauses = append(f.pauses, d)
		f.time = f.time.Add(d)
		return ctx.Err()
	}
	return f
}

func (f *fake) answer(path string, answers ...answer) { f.answers[path] = answers }

// requests returns what was asked for.
func (f *fake) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := r.URL.RequestURI()
	f.asked = append(f.asked, path)
	f.tokens = append(f.tokens, r.Header.Get("Authorization"))
	a := failing(http.StatusNotFound)
	if left := f.answers[path]; len(left) > 0 {
		a = left[0]
		if len(left) > 1 {
			f.answers[path] = left[1:]
		}
	}
	if a.drop {
		panic(http.ErrAbortHandler)
	}
	for k, v := range a.header {
		w.Header()[k] = v
	}
	w.WriteHeader(a.status)
	fmt.Fprint(w, a.body)
}

// expectation is of a scorer that waits for the named events about a key, for a week.
func expectation(scorer, key string, names ...string) scoring.Expectation {
	e := scoring.Expectation{
		ScorerRun: scoring.Run{WorkflowID: scorer, RunID: "r"}, Wait: 1, Scorer: "accepted", ScorerVersion: "1",
		Run: scoring.Run{WorkflowID: "agent", RunID: "r"}, At: day0,
		Window: scoring.Window{Since: day0, Until: day0.Add(7 * 24 * time.Hour), Grace: time.Hour},
	}
	for _, n := range names {
		e.Events = append(e.Events, scoring.Event{Name: n, Key: key})
	}
	return e
}

// book holds outcomes, as a store does.
type book struct {
	outcomes map[string]scoring.Outcome
	err      error
}

func (b *book) options(g *GitHub) Options {
	return Options{GitHub: g, Held: b.held, Deliver: b.deliver}
}

func (b *book) deliver(_ context.Context, o scoring.Outcome) error {
	if b.err != nil {
		return b.err
	}
	if err := o.Validate(); err != nil {
		return err
	}
	if b.outcomes == nil {
		b.outcomes = map[string]scoring.Outcome{}
	}
	if _, there := b.outcomes[o.ID]; there {
		return errors.New("delivered twice")
	}
	b.outcomes[o.ID] = o
	return nil
}

func (b *book) held(_ context.Context, e scoring.Expectation) ([]scoring.Outcome, error) {
	var there []scoring.Outcome
	for _, o := range b.outcomes {
		if slices.ContainsFunc(e.Events, o.Event().Same) {
			there = append(there, e.Told(o))
		}
	}
	return there, nil
}
