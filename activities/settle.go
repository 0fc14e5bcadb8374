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
	// Taken are the ids of outcomes that it has, and that count for another scorer; TakenMarks the marks of those for
	// which it gave only their marks.
	Taken      []string `json:"taken,omitempty"`
	TakenMarks []string `json:"taken_marks,omitempty"`
	// Again are the numbers of waits that the store does not know, because they were made in another store. The scorer
	// expects again. Only a scorer that has listed its expectations gets them.
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

// settleUnsaid settles for a scorer of a release that does not list its expectations, and would not understand a
// request to expect again. If the store knows none of its waits, they are read from the scorer's history.
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

// expectations returns a scorer's expectations from its history. If the history is gone there are none.
func (s *Set) expectations(ctx context.Context, scorer scoring.Run) (all []scoring.Expectation, err error) {
	events := s.Client.GetWorkflowHistory(ctx, scorer.WorkflowID, scorer.RunID, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		var gone *serviceerror.NotFound
		if errors.As(err, &gone) {
			activity.GetLogger(ctx).Warn("Verdict: the scorer's history is gone; it settles without its expectations", "ScorerWorkflowID", scorer.WorkflowID)
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
			return nil, fmt.Errorf("verdict: cannot read the expectations of the scorer %s: %w", scorer.WorkflowID, err)
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
