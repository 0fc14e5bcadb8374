package storeworker

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	devservertest.Main(m, stopPostgres, func() error { return goleak.Find() })
}

// ran is a test run that is over.
type ran struct{}

func (ran) Run() int { return 0 }

func stopPostgres() error {
	pgtest.Main(ran{}).Run()
	return nil
}
