// Command worker records scores, carries outcomes to the scorers that wait for them, and receives webhooks.
package main

import (
	"os"

	"github.com/verdict-dev/verdict/internal/app"
)

func main() { os.Exit(app.Main(app.RunWorker)) }
