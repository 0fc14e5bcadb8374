package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Refusal is why a scorer could not settle. The zero Refusal means that it has settled.
type Refusal struct {
	// Unseen are outcomes that the scorer has not taken into account, or the first of them.
	Unseen []scoring.Outcome `json:"unseen,omitempty"`
	// Taken are the ids of outcomes that it has, and that count for another scorer; TakenMarks the marks of those that it has
	// only told the marks of.
	Taken      []string `json:"taken,omitempty"`
	TakenMarks []string `json:"taken_marks,omitempty"`
	// Again are the numbers of waits that the store does not know: it is another one than the one in which they were made.
	// The scorer expects again. Only one that has said what it expects is told.
	Again []int `json:"again,omitempty"`
}

// Settle closes a scorer, unless it has something to take into account first.
func (s *Set) Settle(ctx context.Context, st store.Settlement) (Refusal, error) {
	ctx, stop := beating(ctx)
	defer stop()
	st.At = s.now()
	for i := range st.Records {
		st.Records[i].RecordedAt = st.At
	}
	var unseen []scoring.Outcome
	var err error
	if st.Expected == nil {
		unseen, err = s.settleUnsaid(ctx, st)
	} else {
		unseen, err = s.Store.Settle(ctx, st)
	}
	var taken *store.TakenError
	var forgotten *store.ForgottenError
	switch {
	case errors.As(err, &taken):
		return Refusal{Taken: taken.OutcomeIDs, TakenMarks: taken.Marks}, nil
	case errors.As(err, &forgotten):
		return Refusal{Again: forgotten.Waits}, nil
	}
	return Refusal{Unseen: carried(unseen)}, typed(err)
}

// settleUnsaid settles for a scorer whose worker is of a release in which it does not say what it expects, and would not
// understand that it is to expect again. Where the store knows no wait of it, its history says what it expects.
func (s *Set) settleUnsaid(ctx context.Context, st store.Settlement) ([]scoring.Outcome, error) {
	st.Expected = []int{1}
	unseen, err := s.Store.Settle(ctx, st)
	var forgotten *store.ForgottenError
	if !errors.As(err, &forgotten) {
		return unseen, err
	}
	expected, err := s.expectations(ctx, st.ScorerRun)
	if err != nil {
		return nil, err
	}
	st.Expected = []int{}
	for _, e := range expected {
		if _, err := s.Store.Expect(ctx, e); err != nil {
			return nil, err
		}
		st.Expected = append(st.Expected, e.Wait)
	}
	return s.Store.Settle(ctx, st)
}

// expectations returns what a scorer's history says that it expects. A history that is gone says nothing.
func (s *Set) expectations(ctx context.Context, scorer scoring.Run) (all []scoring.Expectation, err error) {
	events := s.Client.GetWorkflowHistory(ctx, scorer.WorkflowID, scorer.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			activity.GetLogger(ctx).Warn("Verdict: the scorer's history is gone; it settles without what it expected", "ScorerWorkflowID", scorer.WorkflowID)
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		scheduled := event.GetActivityTaskScheduledEventAttributes()
		if scheduled.GetActivityType().GetName() != ExpectName {
			continue
		}
		var e scoring.Expectation
		if err := s.converter().FromPayloads(scheduled.GetInput(), &e); err != nil {
			return nil, fmt.Errorf("verdict: what the scorer %s expects cannot be read: %w", scorer.WorkflowID, err)
		}
		if !slices.ContainsFunc(all, func(x scoring.Expectation) bool { return x.Wait == e.Wait }) {
			all = append(all, e)
		}
	}
	return all, nil
}

func (s *Set) converter() converter.DataConverter {
	if s.DataConverter != nil {
		return s.DataConverter
	}
	return converter.GetDefaultDataConverter()
}
