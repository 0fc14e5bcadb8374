package activities

import (
	"sync"
	"time"
)

// said is when this process last said something.
var said struct {
	sync.Mutex
	last time.Time
}

// Said returns the present as the time of a statement. No two in one process are equal or out of order, at the
// microsecond precision of stores, so it tells which statement was last, on any way to the store.
func Said() time.Time {
	said.Lock()
	defer said.Unlock()
	now := time.Now().UTC().Truncate(time.Microsecond)
	if !now.After(said.last) {
		now = said.last.Add(time.Microsecond)
	}
	said.last = now
	return now
}
