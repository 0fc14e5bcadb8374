package activities

import (
	"context"
	"sync"
	"time"
)

// Sent says what became of a batch that was handed over.
type Sent struct {
	// Err is why the batch is not held; nil: it is, durably.
	Err error

	reply  *Reply  // nil: it is still to come
	judged bool    // only the store knows whether it takes the batch
	plain  bool    // a workflow records this batch alone
	index  int     // in the bundle
	result *result // of what carries it
}

// judged tells whether only the store knows whether it takes b: it knows the keys, and the runs that the server has forgotten.
func (b Batch) judged() bool { return b.RunKey != "" || b.MustKnow }

// Answered is a batch whose reply is known.
func Answered(r Reply) Sent { return Sent{reply: &r} }

// IsDone tells whether nothing more is to be learned: the batch is not held, or is and waits for no judgment of the store.
func (s Sent) IsDone() bool { return s.Err != nil || s.reply == nil && !s.judged }

// Reply waits for what becomes of a batch, which only the store can judge. Once patience has run out Temporal holds it. An error
// means that it is not recorded, or that the caller cannot find out; that of a refusal is as of [Refused.Err].
func (s Sent) Reply(ctx context.Context, patience time.Duration) (Recorded, error) {
	switch {
	case s.Err != nil:
		return Recorded{}, s.Err
	case s.reply != nil:
		return s.reply.Recorded, s.reply.Refused.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if s.plain {
		err := Answer(ctx, s.result.of, patience)
		return Recorded{Held: err == nil && Held(ctx, s.result.of)}, err
	}
	b, err := s.result.get(ctx)
	switch {
	case ctx.Err() != nil, late(err):
		return Recorded{Held: true}, nil
	case err != nil:
		return Recorded{}, err
	case s.index < len(b.Replies):
		return b.Replies[s.index].Recorded, b.Replies[s.index].Refused.Err()
	}
	return Recorded{}, nil // it is recorded, and the reply is one that this caller's data converter cannot read
}

// result is the result of a bundle, for which several callers may wait.
type result struct {
	of Execution

	mu      sync.Mutex
	waiting int
	over    chan struct{} // closed once it is there
	cancel  context.CancelFunc
	bundled Bundled
	err     error
}

// get waits for the result. All callers share one question.
func (r *result) get(ctx context.Context) (Bundled, error) {
	r.mu.Lock()
	if r.waiting++; r.over == nil {
		asking, cancel := context.WithCancel(context.WithoutCancel(ctx))
		r.over, r.cancel = make(chan struct{}), cancel
		go r.ask(asking, r.over)
	}
	over := r.over
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.waiting--; r.waiting == 0 {
			r.cancel() // the next caller asks again
			select {
			case <-r.over:
			default:
				r.over = nil
			}
		}
	}()
	select {
	case <-over:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.bundled, r.err
	case <-ctx.Done():
		return Bundled{}, ctx.Err()
	}
}

func (r *result) ask(ctx context.Context, over chan struct{}) {
	var b Bundled
	err := r.of.Get(ctx, &b)
	if err != nil && ctx.Err() == nil && r.of.Get(ctx, nil) == nil {
		b, err = Bundled{}, nil // it cannot be read here
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over == over {
		r.bundled, r.err = b, err
		close(over)
	}
}

// errsOf are the errors of batches; nil for one that is held.
func errsOf(all []Sent) []error {
	errs := make([]error, len(all))
	for i, s := range all {
		errs[i] = s.Err
	}
	return errs
}
