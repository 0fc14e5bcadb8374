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

// Said returns the present as the time at which something is said. No two of one process are the same or out of order,
// to the microsecond that stores keep, so what was said last is known by it, however it travels.
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
