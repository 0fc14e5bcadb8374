// Command worker records scores, carries outcomes to whoever waits for them, and receives webhooks.
package main

import (
	"os"

	"github.com/verdict-dev/verdict/internal/app"
)

func main() { os.Exit(app.Main(app.RunWorker)) }
