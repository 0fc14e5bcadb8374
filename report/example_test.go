package report_test

import (
	"context"
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// A program that has the store reports from it. One that has not calls verdict.Client.Report.
func ExampleBuild() {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, sqlite.Memory) // the worker's database
	if err != nil {
		panic(err)
	}
	defer db.Close()
	answered(ctx, db) // ten runs of an experiment

	r, err := report.Build(ctx, db, report.Options{Experiment: "retriever", Version: "1", Now: time.Now()})
	if err != nil {
		panic(err)
	}
	for _, e := range r.Experiments {
		fmt.Printf("%s@%s: %d units, %s is the control\n", e.Name, e.Version, e.Units, e.Control)
		for _, row := range e.Rows {
			fmt.Printf("%s of %s: %d scored, mean %.1f\n", row.Score, row.Variant, row.Scored, *row.Mean)
		}
		fmt.Println(e.Decision)
	}
	// Output:
	// retriever@1: 10 units, bm25 is the control
	// accepted of bm25: 5 scored, mean 0.4
	// accepted of vectors: 5 scored, mean 1.0
	// CONTINUE: fewer than 20 matured units in a variant, or no differences between units
}

// answered writes what workers write: a definition, assignments, and scores.
func answered(ctx context.Context, db *sqlite.Store) {
	x := experiments.MustNew(experiments.Definition{
		Name: "retriever", Version: "1", Control: "bm25", Variants: []experiments.Variant{{Name: "bm25"}, {Name: "vectors"}},
		Primary: experiments.Metric{Name: "accepted", Type: experiments.Boolean},
	})
	if err := db.Register(ctx, experiments.Registration{Definition: x.JSON(), Namespace: "default"}); err != nil {
		panic(err)
	}
	for i := range 10 {
		id, at := fmt.Sprint("r", i), time.Now().Add(-time.Hour)
		run := scoring.Run{Namespace: "default", WorkflowID: id, RunID: id}
		if _, err := db.Assign(ctx, scoring.Assignment{
			Experiment: "retriever", Version: "1", Variant: []string{"bm25", "vectors"}[i%2], By: scoring.ByWeight, Unit: id, Run: run, FirstRunID: id, OriginalRunID: id,
			At: at, Probabilities: map[string]float64{"bm25": .5, "vectors": .5}, Vouched: true,
		}); err != nil {
			panic(err)
		}
		said := scoring.NewRecord(scoring.Bool("accepted", i%2 == 1 || i < 4), scoring.FromClient, run, scoring.Step{}, at)
		if err := db.Record(ctx, []scoring.Record{said}); err != nil {
			panic(err)
		}
	}
}
