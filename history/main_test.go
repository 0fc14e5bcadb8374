package history_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
)

func TestMain(m *testing.M) {
	devservertest.Main(m, func() error { return goleak.Find() })
}
