// Command worker is the worker of the user's program: see [user.Work].
package main

import (
	"fmt"
	"os"

	"github.com/verdict-dev/verdict/internal/releases/user"
)

func main() {
	if err := user.Work(); err != nil {
		fmt.Fprintln(os.Stderr, "user's worker:", err)
		os.Exit(1)
	}
}
