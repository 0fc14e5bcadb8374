package sqlstore_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(pgtest.Main(m)) }
