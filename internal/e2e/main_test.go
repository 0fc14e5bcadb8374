// Package e2e holds the library to its promises on a real Temporal server.
package e2e

import (
	"flag"
	"runtime"
	"strconv"
	"testing"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	// Most of these tests wait most of the time. What -parallel says is read later, and counts.
	if err := flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err)
	}
	devservertest.Main(m, stopPostgres)
}

// ran is a test run that is over.
type ran struct{}

func (ran) Run() int { return 0 }

func stopPostgres() error {
	pgtest.Main(ran{}).Run()
	return nil
}
