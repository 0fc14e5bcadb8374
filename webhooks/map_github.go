package webhooks

import (
	"encoding/json"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// The names of the outcomes of [PullRequests] and [Issues].
const (
	PullRequestMerged   = "pull_request.merged"
	PullRequestClosed   = "pull_request.closed" // without a merge
	PullRequestReopened = "pull_request.reopened"
	IssueClosed         = "issue.closed"
	IssueReopened       = "issue.reopened"
)

// githubEvent has the members of GitHub's pull_request and issues events that the mappings read.
type githubEvent struct {
	Action      string       `json:"action"`
	PullRequest *githubThing `json:"pull_request"`
	Issue       *githubThing `json:"issue"`
	Repository  struct {
		FullName string `json:"full_name"`
	} `json:"repository"`
	Sender struct {
		Login string `json:"login"`
	} `json:"sender"`
}

// githubThing is a pull request or an issue. There is no merge_commit_sha here on purpose: one that was closed without a
// merge has it too, from the merge that GitHub tried out.
type githubThing struct {
	Number      int       `json:"number"`
	HTMLURL     string    `json:"html_url"`
	Merged      *bool     `json:"merged"`
	MergedAt    time.Time `json:"merged_at"`
	ClosedAt    time.Time `json:"closed_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	StateReason string    `json:"state_reason"`
}

// PullRequests is the mapping for GitHub's pull_request events. The key is "owner/repository#number".
//
//	closed, and merged      pull_request.merged    true
//	closed, and not merged  pull_request.closed    false
//	reopened                pull_request.reopened  no value: it is undecided again
//
// Whether it was merged is what GitHub says in "merged". Every other action is not for us. The payload is an object with
// action, url and sender.
func PullRequests(d Delivery) ([]scoring.Outcome, error) {
	if d.Type != "pull_request" {
		return nil, nil
	}
	e, err := readGitHub(d)
	if err != nil || (e.Action != "closed" && e.Action != "reopened") {
		return nil, err
	}
	pr := e.PullRequest
	switch {
	case pr == nil:
		return nil, scoring.Invalid("body", "has no pull_request")
	case e.Action == "reopened":
		return e.outcome(PullRequestReopened, pr, scoring.Value{}, pr.UpdatedAt)
	case pr.Merged == nil:
		return nil, scoring.Invalid("body", "does not say whether the pull request was merged")
	case *pr.Merged:
		return e.outcome(PullRequestMerged, pr, scoring.BoolValue(true), pr.MergedAt, pr.ClosedAt)
	default:
		return e.outcome(PullRequestClosed, pr, scoring.BoolValue(false), pr.ClosedAt)
	}
}

// Issues is the mapping for GitHub's issues events. The key is "owner/repository#number".
//
//	closed    issue.closed    true
//	reopened  issue.reopened  false
//
// The value says whether it is closed now. Every other action is not for us. The payload is an object with action, url,
// sender and, where GitHub gives one, state_reason ("completed", "not_planned", "reopened").
func Issues(d Delivery) ([]scoring.Outcome, error) {
	if d.Type != "issues" {
		return nil, nil
	}
	e, err := readGitHub(d)
	if err != nil || (e.Action != "closed" && e.Action != "reopened") {
		return nil, err
	}
	switch {
	case e.Issue == nil:
		return nil, scoring.Invalid("body", "has no issue")
	case e.Action == "reopened":
		return e.outcome(IssueReopened, e.Issue, scoring.BoolValue(false), e.Issue.UpdatedAt)
	default:
		return e.outcome(IssueClosed, e.Issue, scoring.BoolValue(true), e.Issue.ClosedAt)
	}
}

func readGitHub(d Delivery) (githubEvent, error) {
	var e githubEvent
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return e, scoring.Invalid("body", "%s", clip(err.Error(), 200))
	}
	return e, nil
}

// outcome makes the outcome of a pull request or issue; it was observed at the first of the times that is known.
func (e githubEvent) outcome(name string, of *githubThing, v scoring.Value, times ...time.Time) ([]scoring.Outcome, error) {
	if e.Repository.FullName == "" || of.Number <= 0 {
		return nil, scoring.Invalid("body", "has no repository or number")
	}
	o := scoring.Outcome{Name: name, Key: IssueKey(e.Repository.FullName, of.Number), Value: v}
	for _, t := range times {
		if o.ObservedAt.IsZero() {
			o.ObservedAt = t
		}
	}
	var err error
	o.Payload, err = json.Marshal(struct {
		Action      string `json:"action"`
		URL         string `json:"url,omitempty"`
		Sender      string `json:"sender,omitempty"`
		StateReason string `json:"state_reason,omitempty"`
	}{e.Action, of.HTMLURL, e.Sender.Login, of.StateReason})
	return []scoring.Outcome{o}, err
}
