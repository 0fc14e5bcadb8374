package storeworker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
)

const (
	checkLimit    = 2 * time.Second        // of each look
	checkPatience = 900 * time.Millisecond // with a part once another one works: callers may wait for a second only
	checkFresh    = time.Second            // how old an answer may be: each part is checked once in this time, for any number of callers
)

// errSlow is the error of a part that has not answered.
var errSlow = errors.New("it does not answer in time")

// part is one of the two that can take a delivery.
type part struct {
	name string
	do   func(context.Context) error
}

// parts checks, by trying, whether the parts work.
type parts struct {
	all []part
	log *slog.Logger

	mu   sync.Mutex
	at   time.Time
	away []string
	said map[string]bool
	now  func() time.Time // nil: time.Now
}

// look returns the names of the parts that are down.
func (p *parts) look(ctx context.Context) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now
	if p.now != nil {
		now = p.now
	}
	if !p.at.IsZero() && now().Sub(p.at) < checkFresh {
		return p.away
	}
	errs := p.try(ctx)
	var away []string
	for i, c := range p.all {
		if errs[i] != nil {
			away = append(away, c.name)
		}
		p.tell(c.name, errs[i])
	}
	p.away, p.at = away, now()
	return away
}

// try tries all parts at once.
func (p *parts) try(ctx context.Context) []error {
	// The caller may hang up; the answer is for all callers.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkLimit)
	defer cancel()
	type answer struct {
		of  int
		err error
	}
	errs, answers := make([]error, len(p.all)), make(chan answer, len(p.all))
	for i, c := range p.all {
		errs[i] = errSlow
		go func() { answers <- answer{i, c.do(ctx)} }()
	}
	patience := time.NewTimer(checkPatience)
	defer patience.Stop()
	there, impatient := false, false
	for range p.all {
		for waiting := true; waiting; {
			select {
			case a := <-answers:
				errs[a.of], there, waiting = a.err, there || a.err == nil, false
			case <-patience.C:
				impatient = true
			case <-ctx.Done():
				return errs
			}
			if impatient && there {
				return errs
			}
		}
	}
	return errs
}

// tell says in the log when a part goes away and when it is back. Errors have addresses in them, so only the log shows
// them.
func (p *parts) tell(name string, err error) {
	if p.said == nil {
		p.said = map[string]bool{}
	}
	switch {
	case err != nil && !p.said[name]:
		p.log.Warn("away: it takes no writes", "part", name, "error", err)
	case err == nil && p.said[name]:
		p.log.Info("back: it takes writes again", "part", name)
	}
	p.said[name] = err != nil
}

// noWorkflow is an id that no workflow has.
const noWorkflow = "verdict/probe"

// tryTemporal tries to signal a workflow that there is none of. A server that can say so has the namespace, lets this client write
// to it, and reaches its database.
func tryTemporal(c client.Client) func(context.Context) error {
	return func(ctx context.Context) error {
		err := c.SignalWorkflow(ctx, noWorkflow, "", "probe", nil)
		var none *serviceerror.NotFound
		if errors.As(err, &none) {
			return nil
		}
		return err
	}
}
