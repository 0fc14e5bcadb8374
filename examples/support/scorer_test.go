package support_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/examples/support"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/verdicttest"
)

var question = support.Question{ID: "Q-1", Text: "Why is it so dark?", Patience: 72 * time.Hour, Review: time.Hour}

func replied(text string) verdict.Outcome {
	return verdict.Outcome{Name: support.Replied, Key: question.ID, Payload: []byte(`{"text":"` + text + `"}`)}
}

// The scorer until it asks the judge, whose workers a test of the workflow has.
func TestASupervisorDecides(t *testing.T) {
	t.Parallel()
	s := verdicttest.NewScorer(t, support.Helpful, question)
	s.Deliver(48*time.Hour, replied("It is still dark"))
	no := verdict.Outcome{Name: support.Reviewed, Key: question.ID, Value: scoring.BoolValue(false)}
	s.Deliver(48*time.Hour+30*time.Minute, no)
	s.RequireScore("helpful", false)
	verdicttest.NewScorer(t, support.Helpful, question).RequireScore("helpful", scoring.Expired) // the customer is silent
}

func TestAnswerDefers(t *testing.T) {
	t.Parallel()
	env := verdicttest.New(t, verdict.Config{Scorers: []verdict.ScorerDefinition{support.Helpful}})
	env.RegisterActivity(support.Write)
	env.ExecuteWorkflow(support.Answer, support.Question{ID: "Q-1", Text: question.Text})
	require.NoError(t, env.GetWorkflowError())
	env.RequireDeferred("helpful", question)
}
