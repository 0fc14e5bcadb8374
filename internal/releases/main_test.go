package releases

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/app"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/internal/releases/user/direct"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	works := map[string]func() error{"user": user.Work, "direct": direct.Work}
	switch program := os.Getenv(programVariable); program {
	case "":
	case "worker":
		os.Exit(app.Main(app.RunWorker))
	default:
		if err := works[program](); err != nil {
			fmt.Fprintln(os.Stderr, "user's worker:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	devservertest.Main(m, stopPostgres, func() error { return goleak.Find() })
}

// ran is a test run that is over.
type ran struct{}

func (ran) Run() int { return 0 }

func stopPostgres() error {
	pgtest.Main(ran{}).Run()
	return nil
}
