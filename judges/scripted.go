package judges

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
)

// Reply is one answer of a [Scripted] judge: a verdict, or an error.
type Reply struct {
	// Verdict's Judge is filled in.
	Verdict Verdict
	// Err, when set, is returned instead of the verdict.
	Err error
}

// Scripted is a judge for tests, without a model or a network: it answers with its replies one after the other, the
// last one for ever, and remembers the samples that it got. It is safe for concurrent use.
type Scripted struct {
	id      ID
	replies []Reply

	mu    sync.Mutex
	calls []Sample
}

// NewScripted returns a judge with the given name, version "scripted". Without replies, and for a reply that has
// neither an error nor a valid verdict, it answers with an [Error] of class [BadRequest].
func NewScripted(name string, replies ...Reply) *Scripted {
	return &Scripted{id: ID{Name: name, Version: "scripted"}, replies: slices.Clone(replies)}
}

// ID returns the judge's identity.
func (s *Scripted) ID() ID { return s.id }

// Judge returns the next reply. A call whose context has ended takes none and is not remembered.
func (s *Scripted) Judge(ctx context.Context, sample Sample) (Verdict, error) {
	if err := ctx.Err(); err != nil {
		return Verdict{}, err
	}
	reply, err := s.take(sample)
	if err != nil {
		return Verdict{}, err
	}
	if reply.Err != nil {
		return Verdict{}, reply.Err
	}
	v := reply.Verdict
	v.Judge = s.id
	if err := v.Validate(); err != nil {
		return Verdict{}, &Error{Class: BadRequest, Err: err}
	}
	return v, nil
}

func (s *Scripted) take(sample Sample) (Reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.calls)
	s.calls = append(s.calls, clone(sample))
	if len(s.replies) == 0 {
		return Reply{}, &Error{Class: BadRequest, Err: errors.New("the script has no replies")}
	}
	return s.replies[min(n, len(s.replies)-1)], nil
}

// Calls returns the samples that the judge got so far, in order.
func (s *Scripted) Calls() []Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := make([]Sample, len(s.calls))
	for i, c := range s.calls {
		calls[i] = clone(c)
	}
	return calls
}

func clone(s Sample) Sample {
	s.Expected = slices.Clone(s.Expected)
	s.Context = maps.Clone(s.Context)
	return s
}
