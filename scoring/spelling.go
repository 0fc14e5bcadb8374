package scoring

import (
	"regexp"
	"strings"
)

// ignoreCase has the first parts of outcome names whose source ignores the case of letters in its keys: GitHub's, about
// pull requests and issues. Ids of Slack and Stripe and users' own keys are case-sensitive.
var ignoreCase = map[string]bool{
	"pull_request": true, "pull_request_review": true, "pull_request_review_comment": true, "pull_request_review_thread": true,
	"issue": true, "issues": true, "issue_comment": true,
}

// githubKey is "owner/repository#number" in the letters that GitHub allows.
var githubKey = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+#[0-9]+$`)

// Folded returns one event for e and all events whose keys differ from its key only in the case of letters. ok is false
// where case matters; then it returns e.
func (e Event) Folded() (folded Event, ok bool) {
	kind, _, _ := strings.Cut(e.Name, ".")
	if !ignoreCase[kind] || !githubKey.MatchString(e.Key) {
		return e, false
	}
	return Event{Name: e.Name, Key: strings.ToLower(e.Key)}, true
}

// Same tells whether e and f are one event.
func (e Event) Same(f Event) bool {
	e, _ = e.Folded()
	f, _ = f.Folded()
	return e == f
}

// Event returns the event that o is an outcome of.
func (o Outcome) Event() Event { return Event{Name: o.Name, Key: o.Key} }

// Told returns o as the scorer of e gets it: with the key spelled as the scorer spells it.
func (e Expectation) Told(o Outcome) Outcome {
	written := o.Key
	for _, ev := range e.Events {
		if ev == o.Event() {
			return o
		}
		if written == o.Key && ev.Same(o.Event()) {
			written = ev.Key
		}
	}
	o.Key = written
	return o
}
