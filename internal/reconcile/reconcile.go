// Package reconcile asks providers about the things that scorers still wait for. An event of a provider that delivers
// only once (GitHub) is lost when no receiver is up. Its contents can be asked for afterwards; this package delivers
// the answer as the outcome that the lost event would have been.
package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Result is what came of a question.
type Result string

// The results.
const (
	Delivered  Result = "delivered"   // it was decided, and the outcome is held now
	Found      Result = "found"       // it was decided; a dry run delivers nothing
	Held       Result = "held"        // it was decided, and the outcome was held before: the scorer has only to settle
	Open       Result = "open"        // no awaited event has happened to it
	Outside    Result = "outside"     // it was decided outside the window of everybody who waits
	Gone       Result = "gone"        // the provider does not know it, or hides it from this token
	NoProvider Result = "no_provider" // no provider can be asked about events of this kind
	Failed     Result = "failed"      // the provider gave no usable answer about it
	Left       Result = "left"        // it was not asked about
)

// Results are all results, the best news first.
var Results = []Result{Delivered, Found, Held, Outside, Open, Gone, NoProvider, Failed, Left}

// Item is one thing that is waited for, and what came of the question about it.
type Item struct {
	// Key is the key of the events, such as "octo/hello#12", in the spelling of the first waiting scorer.
	Key string `json:"key"`
	// Events are the names of the outcomes that are waited for.
	Events []string `json:"events"`
	// Scorers are the workflow ids of the waiting scorers.
	Scorers []string `json:"scorers"`
	// Since is when the first of them began to.
	Since  time.Time `json:"since"`
	Result Result    `json:"result"`
	// Detail says more, in words.
	Detail string `json:"detail,omitempty"`
	// Outcomes are the outcomes that were delivered, or would be in a dry run.
	Outcomes []scoring.Outcome `json:"outcomes,omitempty"`

	about thing
	waits []scoring.Expectation
}

// Options say whom to ask and whom to tell.
type Options struct {
	GitHub *GitHub
	// Held returns the outcomes that meet an open expectation already, and changes nothing. Expect of store.Correlator is
	// that for an expectation that is kept.
	Held func(context.Context, scoring.Expectation) ([]scoring.Outcome, error)
	// Deliver returns once an outcome is held durably. Nil for a dry run.
	Deliver func(context.Context, scoring.Outcome) error
	// Limit is how many things the provider is asked about; 0: all.
	Limit int
}

// StoppedError says why some things were not asked about. The work done so far stays: the same call continues from
// there.
type StoppedError struct {
	// Left is how many things were not asked about.
	Left int
	Err  error
}

func (e *StoppedError) Error() string {
	return fmt.Sprintf("stopped with %d left to ask about: %v", e.Left, e.Err)
}

func (e *StoppedError) Unwrap() error { return e.Err }

// maxFailures is how many things in a row may fail before the provider counts as down and gets no more requests.
const maxFailures = 3

// Run asks about everything that the expectations wait for, oldest first, one thing at a time. Each thing is asked
// about once, also when several scorers wait for it. The outcomes that it delivers have ids that depend on the event
// alone, so that running it again changes nothing.
//
// The items are complete even when the error is not nil. Errors: a [StoppedError] when it had to stop early.
func Run(ctx context.Context, waiting []scoring.Expectation, o Options) ([]*Item, error) {
	items := itemsOf(waiting)
	asked, failures := 0, 0
	for i, item := range items {
		if item.about.isZero() {
			item.Result = NoProvider
			continue
		}
		if o.Limit > 0 && asked == o.Limit {
			item.Result, item.Detail = Left, "over the limit"
			continue
		}
		asked++
		err := o.settle(ctx, item)
		var answer *AnswerError
		switch {
		case err == nil:
			failures = 0
			continue
		case errors.As(err, &answer):
			item.Result, item.Detail = Failed, err.Error()
			if failures++; failures < maxFailures {
				continue
			}
			err = fmt.Errorf("%d in a row failed: %w", failures, err)
			i++ // it was asked about
		}
		return items, stop(items[i:], err)
	}
	return items, nil
}

// stop marks the items that are left.
func stop(rest []*Item, err error) error {
	stopped := &StoppedError{Err: err}
	for _, item := range rest {
		if item.about.isZero() {
			item.Result = NoProvider
			continue
		}
		item.Result = Left
		stopped.Left++
	}
	return stopped
}

// settle asks about one thing and delivers the answer. It fails with an *[AnswerError] if the problem is this thing
// alone, and with another error if the next things would fail too.
func (o Options) settle(ctx context.Context, item *Item) error {
	learned, state, err := o.GitHub.ask(ctx, item.about, item.Events)
	if err != nil {
		return err
	}
	item.Result, item.Detail = Open, state
	if state == "" {
		item.Result, item.Detail = Gone, "deleted, or hidden from this token"
	}
	for _, l := range learned {
		result, err := o.deliver(ctx, item, l)
		if err != nil {
			return err
		}
		if slices.Index(Results, result) < slices.Index(Results, item.Result) {
			item.Result = result // of all events of the thing, the best result
		}
	}
	return nil
}

// deliver delivers an outcome unless no scorer waits for it, or the store has it already.
func (o Options) deliver(ctx context.Context, item *Item, l scoring.Outcome) (Result, error) {
	met := false
	for _, e := range item.waits {
		place := e.Window.Place(l.ObservedAt)
		if !slices.ContainsFunc(e.Events, l.Event().Same) || (place != scoring.Inside && place != scoring.InGrace) {
			continue
		}
		met = true
		there, err := o.Held(ctx, e)
		if err != nil {
			return "", err
		}
		if slices.ContainsFunc(there, func(h scoring.Outcome) bool { return sameEvent(h, l) }) {
			return Held, nil
		}
	}
	if !met {
		return Outside, nil
	}
	result := Found
	if o.Deliver != nil {
		if err := o.Deliver(ctx, l); err != nil {
			return "", err
		}
		result = Delivered
	}
	item.Outcomes = append(item.Outcomes, l)
	return result, nil
}

// sameEventWithin is how far apart the times of one event may be in its webhook and in the API. For a reopening,
// GitHub's webhook has the time of the last change and its API the time of the event.
const sameEventWithin = 10 * time.Second

// sameEvent tells whether two outcomes with ids of their own speak of one event.
func sameEvent(a, b scoring.Outcome) bool {
	return a.Event().Same(b.Event()) && a.When().Sub(b.When()).Abs() <= sameEventWithin
}

// itemsOf groups expectations by the thing they are about.
func itemsOf(waiting []scoring.Expectation) []*Item {
	var items []*Item
	byQuestion := map[[2]string]*Item{}
	for _, e := range waiting {
		for _, ev := range e.Events {
			about := thingOf(ev)
			folded, _ := ev.Folded()
			question := [2]string{string(about.kind), folded.Key}
			if about.isZero() {
				question[0] = ev.Name // nothing is known of it but its name
			}
			item := byQuestion[question]
			if item == nil {
				item = &Item{Key: ev.Key, Since: e.At, about: about}
				byQuestion[question] = item
				items = append(items, item)
			}
			item.Events = add(item.Events, ev.Name)
			item.Scorers = add(item.Scorers, e.ScorerRun.WorkflowID)
			// A scorer has one wait a number; its events come one after the other.
			if n := len(item.waits); n == 0 || item.waits[n-1].ScorerRun != e.ScorerRun || item.waits[n-1].Wait != e.Wait {
				item.waits = append(item.waits, e)
			}
		}
	}
	return items
}

// add appends a text that is not there yet.
func add(to []string, text string) []string {
	if slices.Contains(to, text) {
		return to
	}
	return append(to, text)
}
