package verdicttest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// said keeps the errors of a log.
type said struct {
	mu  sync.Mutex
	all []string
}

func (s *said) Debug(string, ...any) {}
func (s *said) Info(string, ...any)  {}
func (s *said) Warn(string, ...any)  {}

func (s *said) Error(msg string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, fmt.Sprint(msg, args))
}

// errors returns them, without those that say that there is no plugin if there is none.
func (s *said) errors(noPlugin bool) (left []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.all {
		switch {
		case noPlugin && strings.Contains(line, "no plugin"):
		case strings.Contains(line, "the scorer failed"): // nobody keeps a store here that it could ask
		default:
			left = append(left, line)
		}
	}
	return left
}
