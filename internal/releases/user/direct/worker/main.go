// Command worker is the worker of the user's program with direct access to the store: see [direct.Work].
package main

import (
	"fmt"
	"os"

	"github.com/verdict-dev/verdict/internal/releases/user/direct"
)

func main() {
	if err := direct.Work(); err != nil {
		fmt.Fprintln(os.Stderr, "user's worker:", err)
		os.Exit(1)
	}
}
