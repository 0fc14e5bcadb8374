package history

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Scorer makes scores of a run from its history: the workflow's code knows nothing of it, in any language, and the
// run may have closed before the scorer was written.
type Scorer struct {
	// Name is what people call the scorer, and the name of its scores where they have none. At most [scoring.MaxName] bytes.
	Name string
	// Version must change when the scores of a run do. Name and version are the key of the scores, so versions never mix.
	Version string
	// Score looks at a run that has closed. It returns no score where there is nothing to say, [Declined] where it found nothing to score, and any
	// other error where a further try may help.
	Score func(ctx context.Context, r *Run) ([]Scored, error)
	// Key replaces the key of the scores: a judge's scores have the key of the judge, as they do in a workflow.
	Key string
	// Prices are what models cost, for a scorer that asks language models: see [Scorer.Priced].
	Prices map[string]Price
}

// Scored is a score about a run or about one of its steps.
type Scored struct {
	scoring.Score
	// Step is what the score is about; nil: the run.
	Step *Step
	// Usage is what it took to make it, one for each call of a language model.
	Usage []Usage
}

// About returns a score about a step.
func (s *Step) About(score scoring.Score) Scored { return Scored{Score: score, Step: s} }

// DeclinedError says that a scorer looked and found nothing to score.
type DeclinedError struct{ Reason string }

func (e *DeclinedError) Error() string { return e.Reason }

// Declined returns the error of a scorer that looked and found nothing to score. The score is not applicable and has no value.
func Declined(format string, args ...any) error {
	return &DeclinedError{fmt.Sprintf(format, args...)}
}

// Validate refuses a scorer without a name, a version or a function.
func (s Scorer) Validate() error {
	if err := scoring.CheckName("scorer", s.Name); err != nil {
		return err
	}
	if err := scoring.CheckName("scorer version", s.Version); err != nil {
		return err
	}
	if s.Score == nil {
		return scoring.Invalid("scorer", "%s has no function", s.Name)
	}
	return scoring.CheckKey("scorer key", s.key())
}

// ID is name@version.
func (s Scorer) ID() string { return s.Name + "@" + s.Version }

// Named returns s under another name, which its scores get, too.
func (s Scorer) Named(name string) Scorer {
	inner, was := s.Score, s.Name
	s.Name = name
	s.Score = func(ctx context.Context, r *Run) ([]Scored, error) {
		all, err := inner(ctx, r)
		for i := range all {
			if all[i].Name == was {
				all[i].Name = name
			}
		}
		return all, err
	}
	return s
}

// Priced returns s with the prices of the models that it asks, by the rule of [Cost]. A backfill then adds up what its scores cost, and stops at
// its budget.
func (s Scorer) Priced(models map[string]Price) Scorer {
	s.Prices = models
	return s
}

// Spent is what scores cost.
type Spent struct {
	// Cost is in the currency of the prices.
	Cost float64
	// Unpriced counts calls of models that have no price.
	Unpriced int64
}

// spent is what scores cost.
func (s Scorer) spent(scored []Scored) (all Spent) {
	for _, one := range scored {
		for _, u := range one.Usage {
			price, ok := priced(s.Prices, u.Model)
			if !ok {
				all.Unpriced++
				continue
			}
			all.Cost += price.Of(u)
		}
	}
	return all
}

func (s Scorer) key() string {
	if s.Key != "" {
		return s.Key
	}
	return s.ID()
}

// Made tells whether a record is what s says of its run. A judge's score of the same name and key is, by any hand.
func (s Scorer) Made(r scoring.Record) bool {
	if s.Key != "" {
		return r.Name == s.Name && r.Key == s.Key
	}
	return r.Key == s.ID()
}

// Records scores a run and returns the records for the store, as of the run's own time: when it, or the step, ended. A score that is not
// valid, and a scorer that panics, is a score in the state error. An open run is refused.
//
// An error means that a further try may help.
func (s Scorer) Records(ctx context.Context, r *Run) ([]scoring.Record, error) {
	records, _, err := s.RecordsAndCost(ctx, r)
	return records, err
}

// RecordsAndCost is [Scorer.Records], and what the records cost. A call that failed may have cost something too: it reports nothing.
func (s Scorer) RecordsAndCost(ctx context.Context, r *Run) ([]scoring.Record, Spent, error) {
	if err := s.Validate(); err != nil {
		return nil, Spent{}, err
	}
	if r.Open() {
		return nil, Spent{}, scoring.Invalid("run", "%s has not closed", r.ID)
	}
	scored, err := s.try(ctx, r)
	spent := s.spent(scored)
	var declined *DeclinedError
	var invalid *scoring.InvalidError
	switch {
	case errors.As(err, &declined):
		scored = []Scored{{Score: scoring.Decline(s.Name, scoring.Clip(declined.Reason, scoring.MaxReason)).Tidy()}}
	case errors.As(err, &invalid):
		scored = []Scored{{Score: scoring.Fail(s.Name, err.Error())}}
	case err != nil:
		return nil, spent, fmt.Errorf("verdict: scorer %s: %w", s.ID(), err)
	}
	records := make([]scoring.Record, len(scored))
	for i, one := range scored {
		records[i] = s.record(r, one)
	}
	return records, spent, nil
}

// Record is the record of a score of a run, as of the run's own time and under the scorer's key.
func (s Scorer) Record(r *Run, score scoring.Score) scoring.Record {
	return s.record(r, Scored{Score: score})
}

// Failed is the record of a run that the scorer could not score, for a reason.
func (s Scorer) Failed(r *Run, reason string) scoring.Record {
	return s.record(r, Scored{Score: scoring.Fail(s.Name, reason)})
}

func (s Scorer) record(r *Run, one Scored) scoring.Record {
	at, step := r.ClosedAt, scoring.Step{}
	if one.Step != nil {
		step = one.Step.Subject()
		if one.Step.Status.Ended() {
			at = one.Step.EndedAt
		}
	}
	score := one.Score
	if score.Name == "" {
		score.Name = s.Name
	}
	if score.Key == "" {
		score.Key = s.key()
	}
	if err := score.Validate(); err != nil {
		key := score.Key
		if scoring.CheckKey("key", key) != nil {
			key = s.key()
		}
		if scoring.CheckName("name", score.Name) != nil {
			score.Name = s.Name
		}
		score = scoring.Fail(score.Name, err.Error())
		score.Key = key
	}
	record := scoring.NewRecord(score.Tidy(), scoring.FromClient, r.ID, step, at)
	record.RecordedAt = time.Time{} // that is now: the caller's
	record.OriginalRunID, record.BuildID = r.OriginalRunID, r.BuildID()
	record.Scorer, record.ScorerVersion = s.Name, s.Version
	return record
}

// try calls the function. One that panics fails: it would at the next try, too.
func (s Scorer) try(ctx context.Context, r *Run) (scored []Scored, err error) {
	defer func() {
		if p := recover(); p != nil {
			scored, err = []Scored{{Score: scoring.Fail(s.Name, fmt.Sprintf("the scorer panicked: %v\n%s", p, debug.Stack()))}}, nil
		}
	}()
	return s.Score(ctx, r)
}

// of makes a scorer of a function that says one thing of a run.
func of(name, version string, score func(r *Run) (scoring.Score, error)) Scorer {
	return Scorer{Name: name, Version: version, Score: func(_ context.Context, r *Run) ([]Scored, error) {
		s, err := score(r)
		if err != nil {
			return nil, err
		}
		s.Name = name
		return []Scored{{Score: s}}, nil
	}}
}

// Number makes a scorer of a function that returns a number and, optionally, why.
func Number(name, version string, score func(r *Run) (value float64, reason string, err error)) Scorer {
	return of(name, version, func(r *Run) (scoring.Score, error) {
		v, reason, err := score(r)
		return scoring.Number(name, v).WithReason(scoring.Clip(reason, scoring.MaxReason)), err
	})
}

// Bool makes a scorer of a function that returns true or false and, optionally, why.
func Bool(name, version string, score func(r *Run) (value bool, reason string, err error)) Scorer {
	return of(name, version, func(r *Run) (scoring.Score, error) {
		v, reason, err := score(r)
		return scoring.Bool(name, v).WithReason(scoring.Clip(reason, scoring.MaxReason)), err
	})
}
