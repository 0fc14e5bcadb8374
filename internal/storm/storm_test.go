package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/webhooks"
)

var (
	full = flag.Bool("full", false, "let the full storm rage: 2,000 outcomes, the store away for a minute")
	seed = flag.Uint64("seed", 1, "of the storm")
)

// weather is what a storm is made of.
type weather struct {
	orders int           // runs, each with a scorer and an outcome
	early  int           // of which the outcome comes before the run
	kills  int           // of worker processes
	away   time.Duration // the store
	limit  time.Duration // for all scores to be there after the last delivery

	declared bool // the form of the scorer
}

// storm is a storm that rages.
type storm struct {
	weather
	t       *testing.T
	client  client.Client
	prefix  string
	queue   string
	http    *http.Client
	workers []*process
	listen  []string
	orders  []*order

	accepted, refused atomic.Int64 // deliveries
}

// order is a run with its outcome.
type order struct {
	key       string
	value     float64
	early     bool
	run       client.WorkflowRun
	delivered chan struct{} // closed after the first delivery
	started   chan struct{}
	once      sync.Once
}

// step is one thing that happens in a storm. It may have to wait for another step, which comes earlier.
type step struct {
	order *order
	start bool // else deliver
}

// 2,000 outcomes are delivered one to five times each, while workers are killed and the store is away: each becomes one
// score.
//
// It is not parallel: it stops the Postgres that other tests of the process would use.
func TestStorm(t *testing.T) { //nolint:paralleltest // see above
	w := weather{orders: 150, early: 15, kills: 1, away: 3 * time.Second, limit: harness.Patience}
	if *full {
		w = weather{orders: 2000, early: 200, kills: 6, away: time.Minute, limit: 10 * time.Minute}
	}
	for form, declared := range map[string]bool{"a workflow": false, "declared": true} {
		w.declared = declared
		t.Run(form, func(t *testing.T) { storms(t, w) })
	}
}

func storms(t *testing.T, w weather) {
	server := devservertest.ForTest(t)
	url := pgtest.Start(t)
	require.NoError(t, postgres.Migrate(t.Context(), url))
	s := &storm{weather: w, t: t, client: server.Dial(t, client.Options{}), prefix: devservertest.Name(t), http: &http.Client{Timeout: 10 * time.Second}}
	t.Cleanup(s.http.CloseIdleConnections)
	s.queue = s.prefix + "-user"
	for range 2 {
		p := settings{
			Temporal: server.Address, Namespace: server.Namespace, Postgres: url, Listen: free(t),
			UserQueue: s.queue, VerdictQueue: s.prefix + "-verdict", Declared: w.declared,
		}
		s.workers, s.listen = append(s.workers, newProcess(t, p)), append(s.listen, "http://"+p.Listen+"/webhooks/standard")
	}
	r := rand.New(rand.NewPCG(*seed, 7))
	steps := s.steps(r)
	began := time.Now()
	s.rage(steps, url, r)
	raged := time.Since(began)

	opened, err := postgres.Open(t.Context(), url)
	require.NoError(t, err)
	defer opened.Close()
	s.settle(opened)
	s.check(opened, len(steps)-len(s.orders))
	t.Logf("seed %d: %d outcomes (%d early) in %d deliveries, %d more were refused and sent again; %d workers killed, store away %s: raged %s, all scored after %s",
		*seed, len(s.orders), s.early, s.accepted.Load(), s.refused.Load(), s.kills, s.away, raged.Round(time.Second), time.Since(began).Round(time.Second))
}

// steps returns what happens, in order.
func (s *storm) steps(r *rand.Rand) []step {
	type at struct {
		step
		at float64
	}
	var all []at
	for i := range s.weather.orders {
		o := &order{
			key: fmt.Sprintf("%s/%d", s.prefix, i), value: float64(i) + 0.25, early: i < s.early,
			delivered: make(chan struct{}), started: make(chan struct{}),
		}
		s.orders = append(s.orders, o)
		times := []float64{r.Float64()}
		for range 1 + r.IntN(5) {
			times = append(times, r.Float64())
		}
		slices.Sort(times)
		start := 0
		if o.early {
			start = 1
		}
		for j, when := range times {
			all = append(all, at{step{o, j == start}, when})
		}
	}
	slices.SortFunc(all, func(a, b at) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	steps := make([]step, len(all))
	for i, x := range all {
		steps[i] = x.step
	}
	return steps
}

// rage takes the steps, some at a time. Workers are killed and the store goes away when some share of them is done.
func (s *storm) rage(steps []step, url string, r *rand.Rand) {
	const senders = 16
	blows := map[int]func(){}
	for i := range s.kills {
		victim := s.workers[r.IntN(len(s.workers))]
		blows[len(steps)*(2*i+1)/(2*s.kills)] = victim.kill
	}
	var away sync.WaitGroup
	blows[len(steps)*2/5] = func() {
		s.t.Log("the store goes away", time.Now().UTC().Format(time.StampMilli))
		thaw := freeze(s.t, url)
		away.Go(func() {
			defer thaw()
			timer := time.NewTimer(s.away)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-s.t.Context().Done():
			}
		})
	}
	queue := make(chan step)
	var sending sync.WaitGroup
	for range senders {
		sending.Go(func() {
			for x := range queue {
				s.take(x)
			}
		})
	}
	for i, x := range steps {
		if blow, ok := blows[i]; ok {
			blow()
		}
		queue <- x
	}
	close(queue)
	sending.Wait()
	away.Wait()
}

func (s *storm) take(x step) {
	o := x.order
	if x.start {
		if o.early {
			<-o.delivered
		}
		start := ordered
		if s.declared {
			start = orderedDeclared
		}
		var err error
		for s.t.Context().Err() == nil { // a busy server may need more than one request; they start one run
			if o.run, err = s.client.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{ID: o.key, TaskQueue: s.queue}, start, o.key); err == nil {
				break
			}
		}
		close(o.started)
		return
	}
	if !o.early {
		<-o.started
	}
	s.deliver(o)
	o.once.Do(func() { close(o.delivered) })
}

// deliver sends a webhook, as often as it takes until one of the workers accepts it.
func (s *storm) deliver(o *order) {
	body, err := json.Marshal(map[string]any{"type": "order.paid", "data": map[string]any{"name": "order.paid", "key": o.key, "value": o.value}})
	if err != nil {
		s.t.Errorf("encode: %v", err)
		return
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for try := rand.IntN(len(s.listen)); ; try++ {
		if s.send(s.listen[try%len(s.listen)], o.key, body) {
			s.accepted.Add(1)
			return
		}
		s.refused.Add(1)
		select {
		case <-again.C:
		case <-s.t.Context().Done():
			return
		}
	}
}

func (s *storm) send(to, key string, body []byte) (accepted bool) {
	req, err := newDelivery(s.t.Context(), to, key, body)
	if err != nil {
		s.t.Errorf("sign: %v", err)
		return true
	}
	res, err := s.http.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode == http.StatusOK
}

// newDelivery returns the signed request of a webhook.
func newDelivery(ctx context.Context, to, id string, body []byte) (*http.Request, error) {
	header, err := webhooks.Sign(secret, id, time.Now(), body)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// settle waits until nobody waits any more.
func (s *storm) settle(from store.Store) {
	var waiting []scoring.Expectation
	scoredRuns := map[string]bool{}
	s.t.Cleanup(func() {
		if s.t.Failed() && len(waiting) > 0 {
			s.explain(waiting[0])
		}
		for _, o := range s.orders {
			if s.t.Failed() && !scoredRuns[o.run.GetRunID()] {
				s.tellRun(o)
			}
		}
	})
	harness.Eventually(s.t, s.limit, func() (err error) {
		waiting, err = from.Waiting(s.t.Context(), time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		scored, err := from.Scores(s.t.Context(), store.Filter{Name: "paid", States: []scoring.State{scoring.Scored}})
		for _, r := range scored {
			scoredRuns[r.Run.RunID] = true
		}
		if err == nil && (len(waiting) > 0 || len(scored) < len(s.orders)) {
			err = fmt.Errorf("%d scores, %d scorers wait", len(scored), len(waiting))
		}
		return err
	})
}

// explain logs what became of a scorer that waits in vain, and of its outcome.
func (s *storm) explain(e scoring.Expectation) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own is over
	defer cancel()
	for _, id := range []string{e.ScorerRun.WorkflowID, "verdict/outcome/standard-webhooks:" + e.Events[0].Key} {
		s.t.Log(id)
		iter := s.client.GetWorkflowHistory(ctx, id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for iter.HasNext() {
			event, err := iter.Next()
			if err != nil {
				s.t.Log(err)
				break
			}
			s.t.Log(event.EventTime.AsTime().Format(time.TimeOnly), event.EventType)
		}
	}
}

// check counts rows: for each run one score, of its own value, that has never had another one; for each outcome one line
// in the ledger.
func (s *storm) check(from store.Store, deliveries int) {
	t := s.t
	scores, err := from.Scores(t.Context(), store.Filter{Name: "paid"})
	require.NoError(t, err)
	history, err := from.Scores(t.Context(), store.Filter{Name: "paid", History: true, Superseded: true, Retracted: true})
	require.NoError(t, err)
	current := map[string][]scoring.Record{}
	for _, r := range scores {
		current[r.Run.RunID] = append(current[r.Run.RunID], r)
	}
	final := map[string]int{}
	for _, r := range history {
		if r.State != scoring.Pending {
			final[r.Run.RunID]++
		}
	}
	lost, doubled, wrong := 0, 0, 0
	for _, o := range s.orders {
		rows := current[o.run.GetRunID()]
		switch {
		case len(rows) == 0:
			lost++
		case len(rows) > 1 || final[o.run.GetRunID()] > 1:
			doubled++
		case rows[0].State != scoring.Scored || rows[0].Value.String() != scoring.Number("", o.value).Value.String():
			wrong++
		}
	}
	t.Logf("%d rows, %d lost, %d doubled, %d wrong", len(scores), lost, doubled, wrong)
	require.Zero(t, lost, "lost")
	require.Zero(t, doubled, "doubled")
	require.Zero(t, wrong, "wrong")
	require.Len(t, scores, len(s.orders))
	require.Len(t, current, len(s.orders))

	ledger, err := from.Ledger(t.Context(), store.LedgerFilter{})
	require.NoError(t, err)
	require.Len(t, ledger, len(s.orders))
	for _, e := range ledger {
		require.Equal(t, store.Matched, e.State, e.Outcome.ID)
	}
	require.EqualValues(t, deliveries, s.accepted.Load())
}

// tellRun logs the history of a run without a score.
func (s *storm) tellRun(o *order) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the test's own is over
	defer cancel()
	iter := s.client.GetWorkflowHistory(ctx, o.run.GetID(), o.run.GetRunID(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for iter.HasNext() {
		event, err := iter.Next()
		if err != nil {
			s.t.Log(err)
			return
		}
		s.t.Log(o.key, event.EventTime.AsTime().Format(time.StampMilli), event.EventType, event.GetMarkerRecordedEventAttributes().GetDetails())
	}
}
