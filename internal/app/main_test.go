package app

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

// programVariable tells a process of the test binary that it is the worker.
const programVariable = "VERDICT_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programVariable) == "worker" {
		os.Exit(Main(RunWorker))
	}
	devservertest.Main(m, stopPostgres, func() error { return goleak.Find() })
}

// ran is a test run that is over.
type ran struct{}

func (ran) Run() int { return 0 }

// stopPostgres stops the one that the tests started, if they did.
func stopPostgres() error {
	pgtest.Main(ran{}).Run()
	return nil
}
