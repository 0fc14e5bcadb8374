package activities

import (
	"fmt"
	"time"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// Recheck has runs of the last days scored again every night, against what has become known since. A score that is the same changes nothing,
// another one is a revision.
type Recheck struct {
	// Name names the recheck. It is the id of its schedule.
	Name string
	// Query is a list filter of visibility, such as WorkflowType = 'agent'. Required.
	Query string
	// Scorers score the runs, such as the ones that history.Against makes.
	Scorers []history.Scorer
	// Hour and Minute are when in the day, in UTC.
	Hour, Minute int
	// Back is how long before that the runs closed at most: as long as truth may come late. Default: 3 days.
	Back time.Duration
}

// Validate refuses a recheck without a name, a query or a scorer, and a time that is none.
func (r Recheck) Validate() error {
	if r.Hour < 0 || r.Hour > 23 || r.Minute < 0 || r.Minute > 59 || r.Back < 0 {
		return scoring.Invalid("recheck", "%s is at %02d:%02d, %s back", r.Name, r.Hour, r.Minute, r.Back)
	}
	return Rule{Name: r.Name, Query: r.Query, Scorers: r.Scorers}.Validate()
}

// ScheduleID is the id of the recheck's schedule, and begins the ids of its workflows.
func (r Recheck) ScheduleID() string { return "verdict/recheck/" + wire.ID(r.Name) }

// Input is what its workflows get.
func (r Recheck) Input() Backfill {
	b := Backfill{Recheck: r.Name, Back: r.Back}
	if b.Back == 0 {
		b.Back = 3 * 24 * time.Hour
	}
	return b
}

// recheck finds a recheck of this worker.
func (s *Set) recheck(name string) (Recheck, error) {
	for _, r := range s.Rechecks {
		if r.Name == name {
			return r, nil
		}
	}
	return Recheck{}, fmt.Errorf("verdict: this worker has no recheck %q; it waits for one that has", name)
}

// queried puts the query of a recheck into its backfill.
func (s *Set) queried(b Backfill) (Backfill, error) {
	if b.Recheck == "" {
		return b, nil
	}
	r, err := s.recheck(b.Recheck)
	b.Query = r.Query
	return b, err
}
