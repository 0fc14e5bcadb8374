// Command starter is the command line: it scores runs, delivers outcomes, reads reports and shows a demo.
package main

import (
	"os"

	"github.com/verdict-dev/verdict/internal/app"
)

func main() { os.Exit(app.Main(app.RunStarter)) }
