package workflows_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

// An experiment with as many variants as there may be, of names that JSON makes six times as long, and a long history.
func crowded() rollout.State {
	d := threeArms(func(d *experiments.Definition) {
		d.Variants = nil
		for i := range experiments.MaxVariants {
			d.Variants = append(d.Variants, experiments.Variant{Name: fmt.Sprint(i, strings.Repeat("<", scoring.MaxName-3)), Weight: 1})
		}
		d.Control = d.Variants[0].Name
	})
	weights := map[string]float64{}
	var names []string
	for _, v := range d.Variants {
		weights[v.Name] = 1 / float64(len(d.Variants))
		names = append(names, v.Name)
	}
	c := rollout.State{Definition: d, Policy: rollout.Policy{Every: 365 * day}, Status: rollout.Running, Forgotten: 5}
	for i := range 100 {
		c.Epochs = append(c.Epochs, experiments.Epoch{Number: i, Weights: weights, Allocation: 1})
		r := rollout.Revision{
			Number: 6 + i, Action: rollout.Notice, Who: rollout.ByPolicy, Reason: strings.Repeat("&", 1000), Status: c.Status, Epoch: i, Variants: names,
		}
		if i == 3 {
			r.Who = "ada"
		}
		c.Revisions = append(c.Revisions, r)
	}
	return c
}

// What a started experiment answers and what it goes on with fit into a payload, however long its history is.
func TestAStartedExperimentFits(t *testing.T) {
	t.Parallel()
	s := newStage(t, says(experiments.Continue))
	whole := crowded()
	whole.Due = s.begun.Add(365 * day)
	require.Greater(t, payloadOf(t, whole), 4<<20)
	check := func(c rollout.State, revisions int) {
		require.LessOrEqual(t, payloadOf(t, c), activities.MaxCarried)
		require.Equal(t, whole.Definition.Name, c.Definition.Name)
		require.Equal(t, 99, c.Epoch().Number)
		require.Greater(t, len(c.Epochs), 3)
		require.Greater(t, len(c.Revisions), 3)
		require.Equal(t, revisions, c.Forgotten+len(c.Revisions))
		require.Equal(t, revisions, c.Revisions[len(c.Revisions)-1].Number)
		require.Equal(t, "ada", c.Revisions[0].Who, "what people did is remembered for longer")
	}
	s.read(time.Second, func(c rollout.State) { check(c, 105) })
	s.env.RegisterDelayedCallback(func() { s.env.SetContinueAsNewSuggested(true) }, 2*time.Second)
	s.at(3*time.Second, rollout.Pause, rollout.Change{})
	s.env.ExecuteWorkflow(activities.ExperimentWorkflow, whole)
	var next *workflow.ContinueAsNewError
	require.True(t, errors.As(s.env.GetWorkflowError(), &next), "%v", s.env.GetWorkflowError())
	var c rollout.State
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &c))
	check(c, 106)
	require.Equal(t, rollout.Pause, c.Revisions[len(c.Revisions)-1].Action)
}
