// Command verdict is the programs worker and starter in one: `verdict worker`, `verdict report`, `verdict demo`.
package main

import (
	"os"

	"github.com/verdict-dev/verdict/internal/app"
)

func main() { os.Exit(app.Main(app.RunVerdict)) }
