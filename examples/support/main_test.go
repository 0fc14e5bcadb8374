package support_test

import (
	"testing"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
)

func TestMain(m *testing.M) { devservertest.Main(m) }
