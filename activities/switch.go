package activities

import (
	"sync"
	"time"
)

// switchPatience is how long a [Switch] waits for an answer. It is asked inside workflow tasks too, which may take a second.
const switchPatience = 50 * time.Millisecond

// Switch asks a user's kill switch, which may look it up somewhere, without waiting for it: if it takes longer than 50
// ms, or panics, its last answer counts, and "not thrown" before the first answer. It is safe for concurrent use.
type Switch struct {
	off func() bool

	mu     sync.Mutex
	asked  chan struct{} // closed with the answer to the question that is under way; nil if none is
	slow   bool          // a caller has waited for it without an answer
	thrown bool          // the last answer
}

// NewSwitch returns the switch that off tells of; nil, which is never thrown, if off is nil.
func NewSwitch(off func() bool) *Switch {
	if off == nil {
		return nil
	}
	return &Switch{off: off}
}

// Thrown tells whether the switch is thrown.
func (s *Switch) Thrown() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == nil {
		s.asked, s.slow = make(chan struct{}), false
		go s.ask(s.asked)
	}
	if asked := s.asked; !s.slow {
		s.mu.Unlock()
		answered := waited(asked)
		s.mu.Lock()
		s.slow = !answered && s.asked == asked
	}
	return s.thrown
}

func waited(asked chan struct{}) (answered bool) {
	timer := time.NewTimer(switchPatience)
	defer timer.Stop()
	select {
	case <-asked:
		return true
	case <-timer.C:
		return false
	}
}

func (s *Switch) ask(asked chan struct{}) {
	thrown := s.last()
	defer func() {
		_ = recover() // a panic of the user's code is ignored
		s.mu.Lock()
		defer s.mu.Unlock()
		s.thrown, s.asked = thrown, nil
		close(asked)
	}()
	thrown = s.off()
}

func (s *Switch) last() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.thrown
}
