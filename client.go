package verdict

import (
	"cmp"
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/endpoint"
	"github.com/verdict-dev/verdict/internal/runs"
	"github.com/verdict-dev/verdict/internal/token"
	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/workflows"
)

// Errors of a [Client], to be tested with errors.Is.
var (
	// ErrNotFound: neither the server nor the store knows the run.
	ErrNotFound = store.ErrNotFound
	// ErrAmbiguous: several runs declared the key.
	ErrAmbiguous = store.ErrAmbiguous
)

// Target says what a service speaks of: a [Run], a [Key] that it declared, a [Token] that it made, or a whole session ([OnSession]).
type Target interface{ target() }

// Run names a run. An empty RunID means the newest run of the workflow id.
type Run struct{ WorkflowID, RunID string }

// Key is a name that a run gave itself with [DeclareKey]. The store holds a score about a key that no run has declared
// yet: the ledger lists it, it is recorded once a run declares the key, and it is rejected after 30 days.
type Key string

// Token is an opaque text from [TokenFor].
type Token string

func (Run) target()   {}
func (Key) target()   {}
func (Token) target() {}

// ClientOptions are the options of a [Client].
type ClientOptions struct {
	// StoreTaskQueue is where the worker polls that opens the store. Defaults to "verdict".
	StoreTaskQueue string
	// TokenKeys open tokens: the current key first, then those from before a rotation.
	TokenKeys [][]byte
	// Patience is how long Score waits for what only the store knows (which run declared the key). After it the score is
	// held by Temporal and recorded once it can be. Defaults to 5 s.
	Patience time.Duration
	// Endpoint is the base URL of the HTTP API of the worker that keeps the store, such as "https://verdict.internal:8080". Scores and
	// outcomes go there first, and to Temporal where it does not take them; then it is left alone for a second. Empty: Temporal alone.
	Endpoint string
	// EndpointToken is one of the API's tokens (VERDICT_API_TOKEN).
	EndpointToken string
	// Namespace is the Temporal client's. With it, the endpoint of a worker of another namespace takes nothing.
	Namespace string
	// HTTPClient makes the requests to the endpoint. Defaults to one like http.DefaultClient. It follows no redirect.
	HTTPClient *http.Client
}

// Client scores runs and delivers outcomes from anywhere that has a Temporal client: a service, a webhook, a script. It
// is safe for concurrent use.
type Client struct {
	temporal client.Client
	o        ClientOptions
	carrier  *activities.Carrier
	sender   *activities.Sender
	endpoint *endpoint.Endpoint // nil: none
}

// NewClient returns a client.
func NewClient(c client.Client, o ClientOptions) *Client {
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	all := &Client{temporal: c, o: o, carrier: &activities.Carrier{Client: c, TaskQueue: o.StoreTaskQueue}}
	all.sender = &activities.Sender{Send: all.send}
	if o.Endpoint != "" {
		all.endpoint = endpoint.New(o.Endpoint, o.EndpointToken, o.Namespace, o.HTTPClient)
	}
	return all
}

// Score says something about a run that is open or long closed, or about a session. When it returns nil the score is held durably.
//
// Errors: [scoring.InvalidError] for bad input, [ErrNotFound] for a run that neither the server nor the store knows,
// [ErrAmbiguous] for a key that several runs declared, and errors of the Temporal client.
func (c *Client) Score(ctx context.Context, about Target, name string, value any, opts ...ScoreOption) error {
	v, err := scoring.ValueOf(value)
	if err != nil {
		return err
	}
	return c.Record(ctx, about, scoring.Of(name, v), opts...)
}

// Record is [Client.Score] for a score of any state but pending, such as one that is not applicable.
func (c *Client) Record(ctx context.Context, about Target, s scoring.Score, opts ...ScoreOption) error {
	_, err := c.RecordReceipt(ctx, about, s, opts...)
	return err
}

// Receipt tells a service whether its score is recorded or held. Both are durable.
type Receipt struct {
	// Held tells that a score is not recorded yet: no run has declared its key, or that could not be found out in time.
	Held bool
	// Repeated tells that an outcome of that ID was delivered before: it is counted, and changes nothing.
	Repeated bool
}

// RecordReceipt is [Client.Record] for who wants to know whether the score is held.
func (c *Client) RecordReceipt(ctx context.Context, about Target, s scoring.Score, opts ...ScoreOption) (Receipt, error) {
	b, err := c.batch(ctx, about, s, opts, activities.Said())
	if err != nil {
		return Receipt{}, err
	}
	return receipt(ctx, c.sender.One(ctx, b), c.o.Patience)
}

// receipt says what became of a batch.
func receipt(ctx context.Context, sent activities.Sent, patience time.Duration) (Receipt, error) {
	if sent.IsDone() {
		return Receipt{}, sent.Err
	}
	recorded, err := sent.Reply(ctx, patience)
	return Receipt{Held: recorded.Held}, err
}

// batch returns what a score is handed over as that was said at a time.
func (c *Client) batch(ctx context.Context, about Target, s scoring.Score, opts []ScoreOption, at time.Time) (b activities.Batch, err error) {
	said := scoring.Record{Score: s}
	for _, o := range opts {
		o.score(&said)
	}
	if said.Step == activities.TheRun {
		said.Step = scoring.Step{} // as it is without OnRun
	}
	if said.Run != (scoring.Run{}) {
		return b, scoring.Invalid("option", "About is for workflows and activities: the call names the run")
	}
	if said.OfSession() {
		return b, scoring.Invalid("option", "OnSession is for workflows and activities: the call names it as its target")
	}
	rec := scoring.NewRecord(said.Score, scoring.FromClient, scoring.Run{}, said.Step, at)
	switch t := about.(type) {
	case onSession:
		t.score(&rec)
	case Key:
		if err := scoring.CheckRunKey(string(t)); err != nil {
			return b, err
		}
		b.RunKey = string(t)
		rec.Run = scoring.Run{WorkflowID: "key", RunID: "key"} // replaced by the run that the key resolves to
	case Token:
		run, err := token.Open(c.o.TokenKeys, string(t))
		if err != nil {
			return b, err
		}
		rec.Run = run
	case Run:
		if c.endpoint != nil && t.RunID != "" { // the worker finds out whether there is such a run
			rec.Run, b.MustKnow = scoring.Run{WorkflowID: t.WorkflowID, RunID: t.RunID}, true
			break
		}
		run, known, err := runs.AtServer(ctx, c.temporal, scoring.Run{WorkflowID: t.WorkflowID, RunID: t.RunID})
		if err != nil {
			return b, err
		}
		rec.Run, b.MustKnow = run, !known
	default:
		return b, scoring.Invalid("target", "say which run: a Run, a Key or a Token; or which session: OnSession")
	}
	if err := rec.Validate(); err != nil {
		return b, err
	}
	rec.Score = rec.Tidy()
	b.Records = []scoring.Record{rec}
	return b, nil
}

// Deliver hands over an outcome. When it returns nil the outcome is held durably, and each scorer that waits for it, now
// or later, gets it once. An outcome whose ID came before is counted, and changes nothing.
func (c *Client) Deliver(ctx context.Context, o Outcome) error {
	_, err := c.DeliverReceipt(ctx, o)
	return err
}

// DeliverReceipt is [Client.Deliver] for who wants to know whether the outcome came before.
func (c *Client) DeliverReceipt(ctx context.Context, o Outcome) (Receipt, error) {
	results := c.deliver(ctx, []Outcome{o})
	return results[0].Receipt, results[0].Err
}

// declared refuses a declared scorer, whose ID is no workflow's: 32 hexadecimal digits without a RunID.
func declared(d Deferred) error {
	if _, err := hex.DecodeString(d.ID); err != nil || len(d.ID) != 32 || d.RunID != "" {
		return nil
	}
	return scoring.Invalid("scorer", "%s is a declared one: the store decides it, and there is no workflow to cancel or to ask", d.ID)
}

// CancelScorer cancels a scorer. It closes without a score. A declared scorer is refused with a [scoring.InvalidError].
func (c *Client) CancelScorer(ctx context.Context, d Deferred) error {
	if err := declared(d); err != nil {
		return err
	}
	return c.temporal.CancelWorkflow(wire.About(ctx, d.ID), d.ID, d.RunID)
}

// ScorerResult waits until a scorer has closed and returns its scores. A declared scorer is refused with a
// [scoring.InvalidError]: its score is in the store.
func (c *Client) ScorerResult(ctx context.Context, d Deferred) ([]scoring.Score, error) {
	if err := declared(d); err != nil {
		return nil, err
	}
	ctx = wire.About(ctx, d.ID)
	var r workflows.Result
	err := c.temporal.GetWorkflow(ctx, d.ID, d.RunID).Get(ctx, &r)
	return r.Scores, err
}
