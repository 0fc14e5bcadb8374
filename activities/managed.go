package activities

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/scoring"
)

const (
	// DefaultMaxAge is how old a worker's reading may be while the server answers.
	DefaultMaxAge = 10 * time.Second
	// MaxSilence is the age from which a reading no longer counts, because the server has not answered since.
	MaxSilence = time.Hour

	readLimit = 2 * time.Second // for one reading
)

// Managed is a worker's view of the experiments that may have been started. It is refreshed in the background, and no
// run waits for it: an assignment uses the latest reading. Before the first reading, and after MaxSilence without one,
// assignments use the definition's own weights, in epoch 0. A nil Managed has no experiments. It is safe for concurrent
// use.
type Managed struct {
	maxAge      time.Duration
	experiments map[string]*managed

	mu      sync.Mutex
	workers map[string]bool // that run
	stop    func()          // ends the refreshing; nil when there is none
}

type managed struct {
	exp   *experiments.Experiment
	state atomic.Pointer[reading]
	said  atomic.Bool // that the definitions contradict each other
}

// reading is the latest reading of an experiment. Without a split it has not been started.
type reading struct {
	rollout.Served
	split *experiments.Split
	at    time.Time
}

// NewManaged returns a Managed of experiments that can be started and changed while they run. Each is read every
// maxAge; 0 means [DefaultMaxAge]. It refuses a nil experiment, a version that appears twice, two experiments of one
// layer whose ranges overlap, and an age that is negative or under a tenth of a second.
func NewManaged(list []*experiments.Experiment, maxAge time.Duration) (*Managed, error) {
	if maxAge == 0 {
		maxAge = DefaultMaxAge
	}
	if maxAge < 100*time.Millisecond {
		return nil, scoring.Invalid("rollout age", "%s is less than 100ms", maxAge)
	}
	m := &Managed{maxAge: maxAge, experiments: map[string]*managed{}, workers: map[string]bool{}}
	for _, e := range list {
		if e == nil {
			return nil, scoring.Invalid("experiments", "one is nil; make it with experiments.New")
		}
		d := e.Definition()
		key := experimentKey(d.Name, d.Version)
		if _, ok := m.experiments[key]; ok {
			return nil, scoring.Invalid("experiments", "%q appears twice", key)
		}
		for _, o := range list {
			if o == nil {
				break
			}
			if other := o.Definition(); other.Name != d.Name && other.Layer.Name == d.Layer.Name && d.Layer.From < other.Layer.To && other.Layer.From < d.Layer.To {
				return nil, scoring.Invalid("layer", "%q and %q share units of %q: [%v, %v) and [%v, %v)",
					d.Name, other.Name, d.Layer.Name, d.Layer.From, d.Layer.To, other.Layer.From, other.Layer.To)
			}
		}
		m.experiments[key] = &managed{exp: e}
	}
	return m, nil
}

// Began is called when a worker is about to poll. With a client it reads the experiments now, for two seconds at most,
// so that even the first run gets the current weights; without one it reads them when the first run asks.
func (m *Managed) Began(ctx context.Context, worker string, c client.Client) {
	if m == nil || len(m.experiments) == 0 {
		return
	}
	m.mu.Lock()
	m.workers[worker] = true
	m.mu.Unlock()
	if c != nil {
		logger := log.NewStructuredLogger(slog.Default())
		m.readAll(ctx, c, logger)
		m.refresh(c, logger)
	}
}

// Ended is called when a worker that had begun has stopped. After the last one, the refreshing ends before Ended
// returns.
func (m *Managed) Ended(worker string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.workers, worker)
	if len(m.workers) == 0 && m.stop != nil {
		m.stop()
		m.stop = nil
	}
}

// refresh begins to refresh, unless that has begun or no worker runs.
func (m *Managed) refresh(c client.Client, logger log.Logger) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stop != nil || len(m.workers) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	m.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		ticker := time.NewTicker(m.maxAge)
		defer ticker.Stop()
		for {
			m.readAll(ctx, c, logger)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}()
}

// readAll reads every experiment at once. An experiment that cannot be read keeps its last reading.
func (m *Managed) readAll(ctx context.Context, c client.Client, logger log.Logger) {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	var all sync.WaitGroup
	for key, e := range m.experiments {
		all.Go(func() {
			if err := e.read(ctx, c, logger); err != nil && ctx.Err() == nil {
				logger.Warn("Verdict cannot read the state of an experiment", "Experiment", key, "Error", err)
			}
		})
	}
	all.Wait()
}

func (e *managed) read(ctx context.Context, c client.Client, logger log.Logger) error {
	d := e.exp.Definition()
	at := time.Now()
	served, found, err := readServed(ctx, c, d.Name, d.Version)
	if err != nil {
		return err
	}
	if !found {
		e.state.Store(&reading{at: at})
		return nil
	}
	split, err := e.exp.At(served.Epoch)
	if err == nil && served.Status == rollout.Promoted {
		_, err = split.Force(served.Variant)
	}
	if err != nil {
		return err
	}
	if served.Fingerprint != d.Fingerprint() && !e.said.Swap(true) {
		logger.Error("Verdict: the code's definition of this version differs from the started one", "Experiment", experimentKey(d.Name, d.Version))
	}
	e.state.Store(&reading{Served: served, split: split, at: at})
	return nil
}

// readServed asks the server, which needs no worker of ours, for the memo. Only a memo that was written through a codec
// is asked for by a query, which the client can decode.
func readServed(ctx context.Context, c client.Client, name, version string) (s rollout.Served, found bool, err error) {
	description, err := c.DescribeWorkflow(ctx, ExperimentID(name, version), "")
	var notFound *serviceerror.NotFound
	switch {
	case errors.As(err, &notFound):
		return s, false, nil
	case err != nil:
		return s, false, err
	case description.Status != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING:
		return s, false, nil
	}
	payload, ok := description.Memo.GetFields()[ExperimentMemo]
	if !ok {
		return s, false, nil // its first task is not done
	}
	if converter.GetDefaultDataConverter().FromPayload(payload, &s) == nil {
		return s, true, nil
	}
	state, err := ReadExperiment(ctx, c, ExperimentID(name, version))
	if err != nil {
		return s, false, err
	}
	return state.Served(), true, nil
}

// look begins to refresh with the client of the worker that runs an activity, unless that has begun.
func (m *Managed) look(ctx context.Context) {
	if m == nil || len(m.experiments) == 0 {
		return
	}
	if c := clientOf(ctx); c != nil {
		m.refresh(c, activity.GetLogger(ctx))
	}
}

// assign turns the candidate a, which was picked with the definition's own weights, into the run's assignment. The unit
// decides, so the same epoch always gives the same result.
func (m *Managed) assign(a scoring.Assignment) scoring.Assignment {
	if m == nil {
		return a
	}
	e, ok := m.experiments[experimentKey(a.Experiment, a.Version)]
	if !ok {
		return a
	}
	known := e.state.Load()
	if known == nil || known.split == nil || time.Since(known.at) > MaxSilence {
		return a
	}
	pick := known.split.Pause()
	switch known.Status {
	case rollout.Running:
		pick = known.split.Again(a)
	case rollout.Promoted:
		pick, _ = known.split.Force(known.Variant) // it was checked when it was read
	}
	now := known.split.Assignment(pick, a.Unit, a.Run, a.At)
	now.FirstRunID, now.OriginalRunID, now.WorkflowType, now.Vouched = a.FirstRunID, a.OriginalRunID, a.WorkflowType, a.Vouched
	return now
}
