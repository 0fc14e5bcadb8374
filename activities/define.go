package activities

import (
	"context"
	"sync"

	"github.com/verdict-dev/verdict/experiments"
)

// The report needs the definition by which runs were assigned, and a worker is the first to know it. So a definition follows the
// first assignment that a process makes by it, as a batch of its own: no assignment waits for it, none can fail by it, and it costs
// a history nothing. The next assignment repeats one that was lost.

// Assigner says by what, and by whom, a run is assigned.
type Assigner struct {
	Experiment *experiments.Experiment
	// TaskQueue and Build are of the worker; Build is empty if it has none.
	TaskQueue, Build string
}

// definitions are the definitions that a recorder has offered.
type definitions struct {
	mu     sync.Mutex
	last   map[string]digested // by experiment and version: the definition that was offered last
	offers map[offered]*Offer
}

// digested spares assignments the text of their definition.
type digested struct {
	exp    *experiments.Experiment
	digest string
}

// offered is a definition on a way: another namespace, or server, may have another store.
type offered struct {
	link   *link
	digest string
}

// Define offers the definition of an assignment in a namespace, unless that was done. It returns at once. ctx is an
// activity's or one without a deadline. Call it after an assignment that was recorded: it does not ask the kill switch again.
func (r *Recorder) Define(ctx context.Context, by Assigner, namespace string) {
	if by.Experiment == nil {
		return
	}
	d := &r.definitions
	d.mu.Lock()
	defer d.mu.Unlock()
	b := Batch{Registration: &experiments.Registration{Namespace: namespace, TaskQueue: by.TaskQueue, Build: by.Build}}
	r.queue.mu.Lock()
	way := r.linkOf(ctx, b)
	r.queue.mu.Unlock()
	def := by.Experiment.Definition()
	key := experimentKey(def.Name, def.Version)
	if last, ok := d.last[key]; ok && last.exp == by.Experiment && !d.offers[offered{way, last.digest}].isOver() {
		return
	}
	b.Registration.Definition = by.Experiment.JSON()
	as := offered{way, b.Registration.Digest()}
	if d.last == nil {
		d.last, d.offers = map[string]digested{}, map[offered]*Offer{}
	}
	d.last[key] = digested{by.Experiment, as.digest}
	if o, ok := d.offers[as]; ok && !o.isOver() {
		return
	}
	if _, _, err := b.Registration.Check(); err != nil {
		d.offers[as] = nowhere(&r.queue) // it is said once
		way.logger(ctx).Error("Verdict cannot register the definition of an experiment; reports need it from elsewhere", "Experiment", key, "Error", err)
		return
	}
	d.offers[as] = r.Offer(ctx, b)
}

// isOver tells whether o will never be written. Nil is no offer.
func (o *Offer) isOver() bool {
	if o == nil {
		return true
	}
	o.queue.mu.Lock()
	defer o.queue.mu.Unlock()
	return o.state == lost || o.state == withdrawn
}
