package activities

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

// server is a Temporal server as far as started experiments need it.
type server struct {
	client.Client
	describe func(context.Context) (*client.WorkflowExecutionDescription, error)
	asked    atomic.Int64
	query    *rollout.State
}

func (s *server) DescribeWorkflow(ctx context.Context, id, _ string) (*client.WorkflowExecutionDescription, error) {
	s.asked.Add(1)
	return s.describe(ctx)
}

func (s *server) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(s.query)
	return client.NewValue(payloads), err
}

func serving(t *testing.T, s rollout.Served) *server {
	s.Fingerprint = managedExperiment(t).Definition().Fingerprint()
	payload, err := converter.GetDefaultDataConverter().ToPayload(s)
	require.NoError(t, err)
	return described(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, payload)
}

func described(status enumspb.WorkflowExecutionStatus, memo *commonpb.Payload) *server {
	d := &client.WorkflowExecutionDescription{}
	d.Status = status
	if memo != nil {
		d.Memo = &commonpb.Memo{Fields: map[string]*commonpb.Payload{ExperimentMemo: memo}}
	}
	return &server{describe: func(context.Context) (*client.WorkflowExecutionDescription, error) { return d, nil }}
}

func managedExperiment(t *testing.T) *experiments.Experiment {
	e, err := experiments.New(experiments.Definition{
		Name: "e", Version: "1", Control: "a",
		Variants: []experiments.Variant{{Name: "a", Weight: 1}, {Name: "b", Weight: 1}},
		Primary:  experiments.Metric{Name: "good", Type: experiments.Boolean},
	})
	require.NoError(t, err)
	return e
}

// candidate is what the workflow passes: picked by the definition's own weights.
func candidate(t *testing.T, e *experiments.Experiment) scoring.Assignment {
	split, err := e.At(experiments.Epoch{})
	require.NoError(t, err)
	a := split.Assignment(split.Assign("r"), "r", scoring.Run{Namespace: "n", WorkflowID: "w", RunID: "r"}, time.Now())
	a.FirstRunID, a.OriginalRunID, a.WorkflowType = "f", "o", "T"
	return a
}

func begun(t *testing.T, e *experiments.Experiment, c client.Client) *Managed {
	l, err := NewManaged([]*experiments.Experiment{e}, 0)
	require.NoError(t, err)
	l.Began(t.Context(), "worker", c)
	t.Cleanup(func() { l.Ended("worker") })
	return l
}

var onlyB = experiments.Epoch{Number: 3, Weights: map[string]float64{"a": 0, "b": 1}, Allocation: 1}

func TestLiveServesWhatTheExperimentIs(t *testing.T) {
	t.Parallel()
	e := managedExperiment(t)
	own := candidate(t, e)
	live := func(s *server) scoring.Assignment { return begun(t, e, s).assign(own) }

	got := live(serving(t, rollout.Served{Status: rollout.Running, Epoch: onlyB}))
	want := own
	want.Variant, want.Epoch, want.Probabilities = "b", 3, map[string]float64{"a": 0, "b": 1}
	require.Equal(t, want, got)
	for _, status := range []rollout.Status{rollout.Draft, rollout.Paused, rollout.Stopped, "of a later release"} {
		got := live(serving(t, rollout.Served{Status: status, Epoch: onlyB}))
		require.Equal(t, "a", got.Variant)
		require.Equal(t, scoring.ByPause, got.By)
		require.NoError(t, got.Validate())
	}
	split, err := e.At(experiments.Epoch{})
	require.NoError(t, err)
	forced, err := split.Force("a")
	require.NoError(t, err)
	override := split.Assignment(forced, own.Unit, own.Run, own.At)
	got = begun(t, e, serving(t, rollout.Served{Status: rollout.Running, Epoch: onlyB})).assign(override)
	require.Equal(t, "a", got.Variant, "an override stays")
	require.Equal(t, scoring.ByForce, got.By)

	got = live(serving(t, rollout.Served{Status: rollout.Promoted, Variant: "b", Epoch: onlyB}))
	require.Equal(t, "b", got.Variant)
	require.Equal(t, scoring.ByForce, got.By)

	// A memo that a codec has written is asked for by a query, which the client can decode.
	coded := described(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, &commonpb.Payload{
		Metadata: map[string][]byte{"encoding": []byte("binary/encrypted")}, Data: []byte("?"),
	})
	coded.query = &rollout.State{Definition: e.Definition(), Status: rollout.Running, Epochs: []experiments.Epoch{onlyB}}
	require.Equal(t, want, live(coded))
}

// Whatever cannot be read, or says what the code cannot serve, leaves the definition's own weights.
func TestManagedWithoutAStartIsTheDefinition(t *testing.T) {
	t.Parallel()
	e := managedExperiment(t)
	own := candidate(t, e)
	failing := func(err error) *server {
		return &server{describe: func(context.Context) (*client.WorkflowExecutionDescription, error) { return nil, err }}
	}
	served, err := converter.GetDefaultDataConverter().ToPayload(rollout.Served{Status: rollout.Running, Epoch: onlyB})
	require.NoError(t, err)
	for name, s := range map[string]*server{
		"unknown":         failing(serviceerror.NewNotFound("no such run")),
		"away":            failing(errors.New("away")),
		"terminated":      described(enumspb.WORKFLOW_EXECUTION_STATUS_TERMINATED, served),
		"not yet begun":   described(enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil),
		"another variant": serving(t, rollout.Served{Status: rollout.Promoted, Variant: "z", Epoch: onlyB}),
		"other weights":   serving(t, rollout.Served{Status: rollout.Running, Epoch: experiments.Epoch{Weights: map[string]float64{"z": 1}}}),
	} {
		l := begun(t, e, s)
		require.Equal(t, own, l.assign(own), name)
		require.NotZero(t, s.asked.Load(), name)
	}
	var none *Managed
	require.Equal(t, own, none.assign(own))
	none.Began(t.Context(), "worker", nil)
	none.Ended("worker")
}

// What was read is believed while the server does not answer, for so long and no longer.
func TestLiveOutlastsTheServer(t *testing.T) {
	t.Parallel()
	e := managedExperiment(t)
	own := candidate(t, e)
	s := serving(t, rollout.Served{Status: rollout.Running, Epoch: onlyB})
	answer := s.describe
	var away atomic.Bool
	s.describe = func(ctx context.Context) (*client.WorkflowExecutionDescription, error) {
		if away.Load() {
			return nil, errors.New("away")
		}
		return answer(ctx)
	}
	l, err := NewManaged([]*experiments.Experiment{e}, 100*time.Millisecond)
	require.NoError(t, err)
	l.Began(t.Context(), "worker", s)
	defer l.Ended("worker")
	require.Equal(t, 3, l.assign(own).Epoch)
	away.Store(true)
	before := s.asked.Load()
	require.Eventually(t, func() bool { return s.asked.Load() > before+2 }, time.Minute, time.Millisecond, "it goes on reading")
	require.Equal(t, 3, l.assign(own).Epoch)

	known := l.experiments["e@1"].state.Load()
	old := *known
	old.at = time.Now().Add(-MaxSilence - time.Second)
	l.experiments["e@1"].state.Store(&old)
	require.Equal(t, own, l.assign(own))
}

// A run never waits: a server that hangs changes nothing for it.
func TestLiveNeverWaits(t *testing.T) {
	t.Parallel()
	e := managedExperiment(t)
	own := candidate(t, e)
	hanging := make(chan struct{})
	s := &server{describe: func(ctx context.Context) (*client.WorkflowExecutionDescription, error) {
		select {
		case hanging <- struct{}{}:
		case <-ctx.Done():
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	l, err := NewManaged([]*experiments.Experiment{e}, 0)
	require.NoError(t, err)
	l.Began(t.Context(), "worker", nil) // no client before the first run
	l.refresh(s, nil)
	<-hanging
	require.Equal(t, own, l.assign(own)) // or the test would end by its own timeout
	l.Ended("worker")
	require.Nil(t, l.stop)
	l.refresh(s, nil)
	require.Nil(t, l.stop, "no worker runs")
}

// Several workers share one reading, which ends with the last of them.
func TestLiveEndsWithTheLastWorker(t *testing.T) {
	t.Parallel()
	l := begun(t, managedExperiment(t), serving(t, rollout.Served{Status: rollout.Running, Epoch: onlyB}))
	l.Began(t.Context(), "second", nil)
	l.Ended("worker")
	require.NotNil(t, l.stop)
	l.Ended("a replayer that never began")
	require.NotNil(t, l.stop)
	l.Ended("second")
	require.Nil(t, l.stop)
}

func TestNewManagedRefuses(t *testing.T) {
	t.Parallel()
	e := managedExperiment(t)
	for want, call := range map[string]func() (*Managed, error){
		"one is nil":             func() (*Managed, error) { return NewManaged([]*experiments.Experiment{nil}, 0) },
		`"e@1" appears twice`:    func() (*Managed, error) { return NewManaged([]*experiments.Experiment{e, e}, 0) },
		"1ms is less than 100ms": func() (*Managed, error) { return NewManaged(nil, time.Millisecond) },
		"-1s is less than 100ms": func() (*Managed, error) { return NewManaged(nil, -time.Second) },
		"share units of": func() (*Managed, error) {
			return NewManaged([]*experiments.Experiment{layered(t, "x", 0, .6), layered(t, "y", .5, 1)}, 0)
		},
	} {
		_, err := call()
		require.ErrorAs(t, err, new(*scoring.InvalidError))
		require.ErrorContains(t, err, want)
	}
}

// Experiments of one layer have ranges of their own; versions of one experiment may share theirs.
func TestLayersOfAWorker(t *testing.T) {
	t.Parallel()
	again := layered(t, "x", 0, .5).Definition()
	again.Version = "2"
	second, err := experiments.New(again)
	require.NoError(t, err)
	_, err = NewManaged([]*experiments.Experiment{layered(t, "x", 0, .5), layered(t, "y", .5, 1), second, managedExperiment(t)}, 0)
	require.NoError(t, err)
}

func layered(t *testing.T, name string, from, to float64) *experiments.Experiment {
	d := managedExperiment(t).Definition()
	d.Name, d.Layer = name, experiments.Layer{Name: "checkout", From: from, To: to}
	e, err := experiments.New(d)
	require.NoError(t, err)
	return e
}
