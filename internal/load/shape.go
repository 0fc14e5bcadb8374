package load

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// Experiment and Version name the experiment whose runs a load has.
const (
	Experiment = "load"
	Version    = "1"
)

// Shape says what a load is like.
type Shape struct {
	// Scores is how many there are, five a run.
	Scores int
	// Days is over how many days they are spread, up to End.
	Days int
	End  time.Time
}

// perRun is how many scores a run has.
const perRun = 5

// steps are the activity types of a run's steps; the rest of its scores are on the run.
var steps = []string{"Retrieve", "Rank", "Write"}

var (
	runColumns = []string{
		"id", "hash", "namespace", "workflow_id", "run_id", "first_run_id", "original_run_id", "chain", "origin", "started_at", "sequence", "enrolled",
		"superseded", "doc", "flushed_at", "ordinal", "recorded_at", "start_recorded_at", "flush_recorded_at", "end_recorded_at",
	}
	runExperimentColumns = []string{"experiment", "version", "run", "heir_of"}
	servedColumns        = []string{"experiment", "version", "chain", "variant", "recorded_at"}
	assignmentColumns    = []string{"id", "experiment", "version", "chain", "run", "doc", "variant", "recorded_at", "assigned_at", "unit"}
	scoreColumns         = []string{
		"id", "run", "identity", "revision", "latest", "retracted", "source", "name", "state", "value", "attempt", "recorded_at", "doc", "said_at", "arrived_at",
	}
)

// rows are the rows of some runs, by table.
type rows struct {
	runs, runExperiments, served, assignments, scores [][]any
}

// add adds run number i, from 0, with everything that it has said.
func (r *rows) add(s Shape, i int) error {
	id := int64(i + 1)
	runs := (s.Scores + perRun - 1) / perRun
	day := i * s.Days / runs
	at := s.End.Add(time.Duration(day-s.Days) * 24 * time.Hour).Add(time.Duration(i%80000) * time.Second).UTC()
	variant := []string{"a", "b"}[i*7%13%2]
	run := scoring.Run{Namespace: "default", WorkflowID: fmt.Sprintf("load-%08d", i), RunID: fmt.Sprintf("0197a3c0-0000-7000-8000-%012x", i)}
	a := scoring.Assignment{
		Experiment: Experiment, Version: Version, Variant: variant, By: scoring.ByWeight, Probabilities: map[string]float64{"a": .5, "b": .5},
		Unit: run.RunID, Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", At: at, Vouched: true,
	}
	facts := scoring.RunFacts{
		Run: run, FirstRunID: run.RunID, OriginalRunID: run.RunID, WorkflowType: "Answer", TaskQueue: "answers", Attempt: 1, StartedAt: at,
		ClosedAt: at.Add(3 * time.Second), Status: scoring.RunCompleted, BuildID: fmt.Sprintf("b%d", (day+i%2)/7), Assigned: []scoring.Ref{a.Ref()},
	}
	if i%50 == 0 {
		facts.Status, facts.FailingStep, facts.FailureType = scoring.RunFailed, steps[i/50%3], "Timeout"
	}
	micros, ended := at.UnixMicro(), facts.ClosedAt.UnixMicro()
	own := wire.Digest(run.Namespace, run.WorkflowID, run.RunID)
	doc, err := json.Marshal(facts)
	if err != nil {
		return err
	}
	r.runs = append(r.runs, []any{
		id, own, run.Namespace, run.WorkflowID, run.RunID, run.RunID, run.RunID, own, own, micros, int64(11), true,
		false, string(doc), ended, int64(1), micros, micros, ended, ended,
	})
	r.runExperiments = append(r.runExperiments, []any{Experiment, Version, id, ""})
	r.served = append(r.served, []any{Experiment, Version, own, variant, ended})
	if doc, err = json.Marshal(a); err != nil {
		return err
	}
	r.assignments = append(r.assignments, []any{id, Experiment, Version, own, id, string(doc), variant, micros, micros, wire.Digest("unit", a.Unit)})
	for n := range min(perRun, s.Scores-i*perRun) {
		rec := scoring.Record{Run: run, OriginalRunID: run.RunID, Source: scoring.FromWorkflow, BuildID: facts.BuildID, RecordedAt: facts.ClosedAt}
		switch {
		case n < len(steps):
			rec.Score, rec.Step = scoring.Bool("good", (i*31+n*17)%10 > 0), scoring.Step{ID: fmt.Sprint(5 + 6*n), Type: steps[n]}
		case n == len(steps):
			rec.Score = scoring.Number("quality", float64(i*37%1000)/1000)
		default:
			rec.Score = scoring.Bool("accepted", i*17%100 < 55)
		}
		rec.ObservedAt = facts.ClosedAt
		if doc, err = json.Marshal(rec); err != nil {
			return err
		}
		value, _ := rec.Value.Float()
		r.scores = append(r.scores, []any{
			int64(i*perRun + n + 1), id, wire.Digest(run.Namespace, run.WorkflowID, run.RunID, rec.Step.ID, rec.Name, rec.Key), int64(1), true, false,
			string(rec.Source), rec.Name, string(rec.State), value, int64(0), ended, string(doc), ended, ended,
		})
	}
	return nil
}

// tables are the tables of rows in the order of their references, with their columns.
func (r *rows) tables() []table {
	return []table{
		{"runs", runColumns, r.runs}, {"run_experiments", runExperimentColumns, r.runExperiments}, {"served", servedColumns, r.served},
		{"assignments", assignmentColumns, r.assignments}, {"scores", scoreColumns, r.scores},
	}
}

type table struct {
	name    string
	columns []string
	rows    [][]any
}
