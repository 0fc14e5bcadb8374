// Command elsewhere type-checks the packages of the current folder for other systems. A build would compile half a million
// lines for each of them, which takes minutes where it has never run; this takes seconds and finds the same mistakes.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	bad := 0
	for _, target := range os.Args[1:] {
		system, processor, _ := strings.Cut(target, "/")
		all, err := packages.Load(&packages.Config{
			Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports |
				packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes,
			Env: append(os.Environ(), "GOOS="+system, "GOARCH="+processor, "CGO_ENABLED=0"),
		}, "./...")
		if err != nil {
			fmt.Fprintln(os.Stderr, target, err)
			os.Exit(1)
		}
		n := packages.PrintErrors(all)
		fmt.Printf("%s: %d packages, %d errors\n", target, len(all), n)
		bad += n
	}
	if bad > 0 {
		os.Exit(1)
	}
}
