package activities

import (
	"errors"
	"slices"
	"time"
)

// losses keep the log of lost writes short.
type losses struct {
	said time.Time // when that was last logged
	mute int       // how many were given up since
}

// lose gives o up: it is missing. q is locked.
func (q *queue) lose(err error, o *Offer) {
	pending := o.state == underWay
	if o.state == waiting && o.line != nil {
		pending = true
		o.line.waiting = slices.DeleteFunc(o.line.waiting, func(other *Offer) bool { return other == o })
	}
	o.state = lost
	o.meter.Counter(MetricLost).Inc(1)
	if !o.late {
		o.late = true
		close(o.refused)
	}
	if pending {
		q.release(o)
	}
	q.mute++
	if time.Since(q.losses.said) < time.Second && !errors.Is(err, errStopped) {
		return // a full queue refuses thousands a second
	}
	q.losses.said = time.Now()
	run, _ := o.batch.run()
	o.log.Error("Verdict could not record; the row is missing", "Run", run.String(), "Rows", q.mute, "Error", err)
	q.mute = 0
}
