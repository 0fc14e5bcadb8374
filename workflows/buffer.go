package workflows

import (
	"cmp"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/scoring"
)

// Limits of a run's buffer: how many scores, and how many bytes of their texts, as [size] counts them. Their encoded
// size has limits of its own (see activities.Batch.Split). The buffer is a function of the history, so these limits
// never change.
const (
	MaxScores      = 1000
	MaxBufferBytes = 1 << 20
)

// run is Verdict's state of the run that a workflow context belongs to. It is workflow state: a function of history and
// code, touched by workflow code only.
type run struct {
	cfg      *Config
	records  []scoring.Record
	others   []scoring.Record // about other runs, that no flush has handed over yet
	bytes    int
	sessions []scoring.Session
	// Of the run itself: neither children nor scorers inherit them.
	attributes []scoring.Attribute
	keys       []string
	flushes    int64 // that this run's code has made
	assigned   []scoring.Ref
	picks      map[string]scoring.Assignment
	unserved   []scoring.Ref  // experiments that served the run the control instead of an assignment
	deferred   map[string]int // scorer name → calls of Defer so far
	// scorer name → calls of DeferAll so far
	deferredAll map[string]int
	open        int // scorers that this run started, of both forms
	waits       []scoring.Expectation
	waitBytes   int
	said        said
	scorers     []string // names of the worker's scorers, from all plugins
	recorder    *activities.Recorder
	changes     changes
	// By the goroutines that they are: see here.
	coroutines map[uint64]workflow.Context
	comparing  bool // the function runs that compares the results of a mutable side effect
	ended      bool // the run's complete set has been handed over
	carried    budget
	sent       headers
	shadow     *shadow         // nil unless the run is a shadow, or was started by one
	shadowed   map[string]bool // change id → it was started
	outside    map[string]bool // experiment@version with an assignment in which the run takes no part
}

type runKey struct{}

func newRun(cfg *Config, recorder *activities.Recorder) *run {
	return &run{
		cfg: cfg, recorder: recorder, scorers: slices.Clone(cfg.Scorers),
		picks: map[string]scoring.Assignment{}, deferred: map[string]int{}, deferredAll: map[string]int{},
		shadowed: map[string]bool{}, outside: map[string]bool{}, coroutines: map[uint64]workflow.Context{},
		carried: budget{task: -1}, sent: headers{task: -1}, said: said{task: -1}, // in the SDK's test environment a history has no length
		changes: changes{versions: map[string]workflow.Version{}, made: map[kind]int{}, absent: map[kind]int{}, older: map[string]bool{}},
	}
}

// Score puts a score on the run of ctx, on one of its steps, or on the other run that said names. The same name, step
// and key again is a correction: the last one before a flush is kept. A score that is refused, for bad or because it
// breaks a rule, becomes one in state error.
func Score(ctx workflow.Context, said scoring.Record, bad error) {
	const call = "Score"
	r := buffering(ctx, call)
	if r == nil {
		return
	}
	var rec scoring.Record
	if said.OfSession() {
		var refused error
		if rec, refused = r.ofSession(ctx, said); bad == nil {
			bad = refused
		}
	} else {
		rec = r.record(ctx, said)
	}
	if rec.Source == scoring.FromClient && r.shadow != nil {
		return // a shadow touches no other run
	}
	if bad == nil {
		bad = rec.Validate()
	}
	if bad != nil {
		r.refuseNamed(ctx, call, rec, bad)
	} else if err := r.put(ctx, rec); err != nil {
		r.refuse(ctx, call, err)
	}
}

// record turns a score from the run's own code into a record. A score about another run or a session is not part of the run's own
// set, where a later set replaces an earlier one, but a statement from outside, like a client's.
func (r *run) record(ctx workflow.Context, said scoring.Record) scoring.Record {
	info := workflow.GetInfo(ctx)
	step, other := said.Step, said.Run
	if step == activities.TheRun {
		step = scoring.Step{} // as it is without OnRun
	}
	if other != (scoring.Run{}) {
		if other.Namespace = info.Namespace; other != runOf(info) {
			return scoring.NewRecord(said.Score, scoring.FromClient, other, step, workflow.Now(ctx))
		}
	}
	rec := scoring.NewRecord(said.Score, scoring.FromWorkflow, runOf(info), step, workflow.Now(ctx))
	rec.OriginalRunID = info.OriginalRunID
	return rec
}

// ofSession is record for a score of a session: without an id the one that the run is in. One that is refused is about the run.
func (r *run) ofSession(ctx workflow.Context, said scoring.Record) (rec scoring.Record, refused error) {
	session := said.Session
	if session.ID == "" {
		i := slices.IndexFunc(r.sessions, func(x scoring.Session) bool { return x.Key == session.Key })
		if i < 0 && r.shadow == nil {
			refused = scoring.Invalid("session", "the run is in no session with the key %q: call Session before, or give the id", session.Key)
		}
		if i >= 0 {
			session = r.sessions[i]
		}
	}
	if said.Run != (scoring.Run{}) || said.Step != (scoring.Step{}) && said.Step != activities.TheRun {
		refused = scoring.Invalid("session", "a score is about a session, or about a run or a step, not about both")
	}
	if err := session.Validate(); refused == nil && r.shadow == nil {
		refused = err
	}
	info := workflow.GetInfo(ctx)
	rec = scoring.NewRecord(said.Score, scoring.FromClient, scoring.Run{Namespace: info.Namespace}, scoring.Step{}, workflow.Now(ctx))
	if rec.Session = session; refused != nil {
		rec.Source, rec.Run, rec.RecordedAt, rec.OriginalRunID = scoring.FromWorkflow, runOf(info), time.Time{}, info.OriginalRunID
	}
	return rec, refused
}

// put puts a valid record into the buffer, or returns an error if it is full.
func (r *run) put(ctx workflow.Context, rec scoring.Record) error {
	list := &r.records
	if rec.Source == scoring.FromClient {
		list = &r.others
	}
	same := func(x scoring.Record) bool {
		return x.Name == rec.Name && x.Key == rec.Key && x.Step.ID == rec.Step.ID && x.Run == rec.Run && x.Session == rec.Session
	}
	i, bytes, scores := slices.IndexFunc(*list, same), r.bytes+size(rec), len(r.records)+len(r.others)+1
	if i >= 0 {
		bytes, scores = bytes-size((*list)[i]), scores-1
	}
	if scores > MaxScores || bytes > MaxBufferBytes {
		return scoring.Invalid("scores", "a run holds at most %d scores and %d bytes of them", MaxScores, MaxBufferBytes)
	}
	r.bytes = bytes
	if i >= 0 {
		(*list)[i] = rec
	} else {
		*list = append(*list, rec)
	}
	r.describe(ctx)
	return nil
}

// takeOthers takes the scores about other runs out of the buffer: they are handed over once.
func (r *run) takeOthers() []scoring.Record {
	others := r.others
	for i, rec := range others {
		r.bytes -= size(rec)
		others[i].Score = rec.Tidy()
	}
	r.others = nil
	return others
}

// size is how much of [MaxBufferBytes] a record takes.
func size(rec scoring.Record) int {
	n := 256 + len(rec.Name) + len(rec.Key) + len(rec.Reason) + len(rec.Step.ID) + len(rec.Step.Type) + len(rec.Session.Key) + len(rec.Session.ID)
	for _, s := range rec.Sessions {
		n += 32 + len(s.Key) + len(s.ID)
	}
	return n
}

// Session puts the run into a session. A second id under the same key replaces the first.
func Session(ctx workflow.Context, s scoring.Session) {
	const call = "Session"
	r := buffering(ctx, call)
	if r == nil {
		return
	}
	sessions := slices.Clone(r.sessions)
	if i := slices.IndexFunc(sessions, func(x scoring.Session) bool { return x.Key == s.Key }); i >= 0 {
		sessions[i] = s
	} else {
		sessions = append(sessions, s)
	}
	if err := scoring.CheckSessions(sessions); err != nil {
		r.refuse(ctx, call, err)
		return
	}
	if r.shadow == nil { // the value of a session comes from served runs only
		r.sessions = sessions
	}
}

// DeclareKey gives the run a name for use by services.
func DeclareKey(ctx workflow.Context, key string) {
	const call = "DeclareKey"
	r := buffering(ctx, call)
	if r == nil {
		return
	}
	const most = 20
	err := scoring.CheckRunKey(key)
	switch {
	case err != nil:
	case r.shadow != nil || slices.Contains(r.keys, key):
		return
	case len(r.keys) >= most:
		err = scoring.Invalid("key", "a run declares at most %d", most)
	default:
		r.keys = append(r.keys, key)
		return
	}
	r.refuse(ctx, call, err)
}

func runOf(info *workflow.Info) scoring.Run {
	return scoring.Run{Namespace: info.Namespace, WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID}
}

// chainOf returns the first run of the chain that info's run belongs to. A retry and a continue-as-new carry a chain on;
// every cron run is a chain of its own.
func chainOf(info *workflow.Info) string {
	if info.CronSchedule != "" {
		return info.OriginalRunID
	}
	return cmp.Or(info.FirstRunID, info.WorkflowExecution.RunID) // the SDK's test environment has no chains
}

// TokenFor seals the run of ctx into a text, which is empty if it cannot. It adds nothing to the run.
func TokenFor(ctx workflow.Context) string {
	const call = "TokenFor"
	r := of(ctx, call)
	if r == nil {
		return ""
	}
	if len(r.cfg.TokenKey) == 0 {
		r.refuse(ctx, call, scoring.Invalid("token key", "the plugin has none"))
		return ""
	}
	t, err := token.Seal(r.cfg.TokenKey, runOf(workflow.GetInfo(ctx)))
	if err != nil {
		r.refuse(ctx, call, err)
	}
	return t
}
