package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

// kind is a kind of thing on GitHub, as its webhooks name it.
type kind string

const (
	pullRequest kind = "pull_request"
	issue       kind = "issue"
)

// thing is a pull request or an issue. The zero thing is none of GitHub's.
type thing struct {
	kind       kind
	repository string // owner/name
	number     int
}

func (t thing) isZero() bool { return t == thing{} }

func (t thing) key() string { return webhooks.IssueKey(t.repository, t.number) }

// githubKey is a key of webhooks.IssueKey, with the letters that GitHub allows in a name. It is put into a path, so
// neither part may be "." or "..".
var githubKey = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9_.-]*|\.[A-Za-z0-9_-][A-Za-z0-9_.-]*)/([A-Za-z0-9_-][A-Za-z0-9_.-]*|\.[A-Za-z0-9_-][A-Za-z0-9_.-]*)#([1-9][0-9]{0,17})$`)

// thingOf returns the thing that an event is about, or the zero thing if it is none of GitHub's.
func thingOf(e scoring.Event) thing {
	k := kind(e.Name[:max(0, strings.IndexByte(e.Name, '.'))])
	m := githubKey.FindStringSubmatch(e.Key)
	if m == nil || (k != pullRequest && k != issue) {
		return thing{}
	}
	n, err := strconv.Atoi(m[3])
	if err != nil {
		return thing{}
	}
	return thing{kind: k, repository: m[1] + "/" + m[2], number: n}
}

// state has the members that are read from an answer about a thing. The whole answer is equal to the thing in a
// webhook's payload.
type state struct {
	State    string `json:"state"`
	Merged   bool   `json:"merged"`
	MergedBy *user  `json:"merged_by"`
	ClosedBy *user  `json:"closed_by"`
}

type user struct {
	Login string `json:"login"`
}

// event is one of the things that happened to a thing.
type event struct {
	Event     string    `json:"event"`
	Actor     *user     `json:"actor"`
	CreatedAt time.Time `json:"created_at"`
}

// ask returns the events of a thing, as outcomes, and its state in a word; an empty word if GitHub does not know it.
// The outcomes have the given names and follow from the thing's present state; if a scorer waits for reopenings, each
// of them is one.
func (g *GitHub) ask(ctx context.Context, t thing, names []string) ([]scoring.Outcome, string, error) {
	var raw json.RawMessage
	path := fmt.Sprintf("/repos/%s/%ss/%d", t.repository, map[kind]string{pullRequest: "pull", issue: "issue"}[t.kind], t.number)
	err := g.get(ctx, path, &raw)
	var answer *AnswerError
	if errors.As(err, &answer) && (answer.Status == http.StatusNotFound || answer.Status == http.StatusGone) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	var s state
	if err := json.Unmarshal(raw, &s); err != nil || (s.State != "open" && s.State != "closed") {
		return nil, "", &AnswerError{Path: path, Reason: "the answer is no " + strings.ReplaceAll(string(t.kind), "_", " ")}
	}
	var learned []scoring.Outcome
	word := s.State
	if s.State == "closed" {
		by := s.ClosedBy
		if s.Merged {
			word, by = "merged", s.MergedBy
		}
		closed, err := t.outcomes("closed", raw, by)
		if err != nil {
			return nil, "", &AnswerError{Path: path, Reason: err.Error()}
		}
		learned = append(learned, closed...)
	}
	if slices.Contains(names, string(t.kind)+".reopened") {
		reopened, err := g.reopened(ctx, t)
		if err != nil {
			return nil, "", err
		}
		learned = append(learned, reopened...)
	}
	learned = slices.DeleteFunc(learned, func(o scoring.Outcome) bool { return !slices.Contains(names, o.Name) })
	return learned, word, nil
}

// Pages of events: GitHub gives at most 100 a page. A thing with more than 5,000 is not looked through.
const (
	perPage  = 100
	maxPages = 50
)

// reopened returns an outcome for each time that a thing was reopened: its state says at most that it was.
func (g *GitHub) reopened(ctx context.Context, t thing) ([]scoring.Outcome, error) {
	var learned []scoring.Outcome
	for page := 1; page <= maxPages; page++ {
		var events []event
		path := fmt.Sprintf("/repos/%s/issues/%d/events?per_page=%d&page=%d", t.repository, t.number, perPage, page)
		if err := g.get(ctx, path, &events); err != nil {
			return nil, err
		}
		for _, e := range events {
			if e.Event != "reopened" {
				continue
			}
			body, err := json.Marshal(map[string]any{"number": t.number, "updated_at": e.CreatedAt})
			if err != nil {
				return nil, err
			}
			again, err := t.outcomes("reopened", body, e.Actor)
			if err != nil {
				return nil, &AnswerError{Path: path, Reason: err.Error()}
			}
			learned = append(learned, again...)
		}
		if len(events) < perPage {
			break
		}
	}
	return learned, nil
}

// outcomes maps the state through the webhook's mapping, so that there is one mapping for both. The key is the expected
// one, also when the repository has been renamed since.
func (t thing) outcomes(action string, about json.RawMessage, by *user) ([]scoring.Outcome, error) {
	body, err := json.Marshal(map[string]any{
		"action": action, string(t.kind): about, "sender": by, "repository": map[string]string{"full_name": t.repository},
	})
	if err != nil {
		return nil, err
	}
	mapping, name := webhooks.PullRequests, "pull_request"
	if t.kind == issue {
		mapping, name = webhooks.Issues, "issues"
	}
	learned, err := mapping(webhooks.Delivery{Type: name, Body: body})
	for i := range learned {
		o := &learned[i]
		if o.ObservedAt.IsZero() {
			return nil, errors.New("the answer does not say when that was")
		}
		o.Key, o.Source = t.key(), "reconcile"
		o.ID = t.outcomeID(*o)
	}
	return learned, err
}

// outcomeID depends on the event alone. A pull request is merged once; everything else may happen again.
func (t thing) outcomeID(o scoring.Outcome) string {
	_, what, _ := strings.Cut(o.Name, ".")
	id := "reconcile:github:" + t.key() + ":" + what
	if o.Name != webhooks.PullRequestMerged {
		id += "@" + o.ObservedAt.UTC().Format(time.RFC3339)
	}
	return id
}
