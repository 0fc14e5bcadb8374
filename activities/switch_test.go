package activities

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A kill switch that answers is believed at once.
func TestSwitchAnswers(t *testing.T) {
	t.Parallel()
	require.False(t, NewSwitch(nil).Thrown())
	var off atomic.Bool
	s := NewSwitch(off.Load)
	for _, thrown := range []bool{false, true, true, false} {
		off.Store(thrown)
		require.Equal(t, thrown, s.Thrown())
	}
}

// One that does not answer is not waited for: what it said last stands, and it is asked once at a time.
func TestSwitchThatHangs(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}, 1000), make(chan bool, 1)
	s := NewSwitch(func() bool {
		asked <- struct{}{}
		return <-answer
	})
	answer <- true
	require.True(t, s.Thrown())
	<-asked

	began := time.Now()
	for range 1000 {
		require.True(t, s.Thrown())
	}
	require.Less(t, time.Since(began), time.Second, "one of them waits")
	require.Len(t, asked, 1)
	answer <- false
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.asked == nil
	}, time.Minute, time.Millisecond)
	<-asked
	answer <- false
	require.False(t, s.Thrown())
}

// One that panics says nothing.
func TestSwitchThatPanics(t *testing.T) {
	t.Parallel()
	var panics atomic.Bool
	s := NewSwitch(func() bool {
		if panics.Load() {
			panic("no flags")
		}
		return true
	})
	require.True(t, s.Thrown())
	panics.Store(true)
	require.True(t, s.Thrown())
}
