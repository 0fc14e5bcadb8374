package scoring

import (
	"regexp"
	"strings"
)

// ignoreCase are the first parts of the names of outcomes whose source ignores the case of letters in its keys: GitHub's,
// about pull requests and issues. Slack's ids, Stripe's ids and what users make their keys of are told apart by case.
var ignoreCase = map[string]bool{
	"pull_request": true, "pull_request_review": true, "pull_request_review_comment": true, "pull_request_review_thread": true,
	"issue": true, "issues": true, "issue_comment": true,
}

// githubKey is "owner/repository#number" in the letters that GitHub allows.
var githubKey = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+#[0-9]+$`)

// Folded returns the event that stands for all that are one with e though their keys differ in the case of letters. ok is
// false where case matters, and then e stands for itself alone.
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

// Told returns o as the scorer of e has to be told of it: with the key as the scorer writes it, by which it knows it.
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
