package fold_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/store/postgres/pgtest"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv("FOLD_FOREVER"); kind != "" {
		foldForever(kind, os.Getenv("FOLD_DSN"))
	}
	goleak.VerifyTestMain(pgtest.Main(m))
}
