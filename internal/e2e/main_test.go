// Package e2e holds the library to its promises on a real Temporal server.
package e2e

import (
	"testing"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
)

func TestMain(m *testing.M) { devservertest.Main(m) }
