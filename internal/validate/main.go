// Command validate measures the promises of the package experiments: how often its methods err when there is no effect,
// and how many units they need when there is one. Next to each it runs a naive method that must fail, to prove that the
// check would notice a broken promise. It prints a Markdown table and exits with 1 if a rule is broken.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	full := flag.Bool("full", false, "run the full sizes (minutes) instead of the fast subset (seconds)")
	seed := flag.Uint64("seed", 1, "seed of the random numbers")
	only := flag.String("only", "", "run one check, such as V7")
	flag.Parse()
	ok, err := run(os.Stdout, *full, *seed, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "validate:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// row is a line of the table: a measurement of a method, and whether it passes.
type row struct {
	what, method string
	measured     string
	rule         string
	ok           bool
}

// checks are the simulations in the order of the table.
var checks = []struct {
	id  string
	run func(size) []row
}{
	{"V1", typeI}, {"V2", typeIUneven}, {"V3", coverage}, {"V4", samples}, {"V5", ratioAlarms}, {"V6", ratioDetection},
	{"V7", delays}, {"V8", drift}, {"V9", clusters}, {"V10", manyArms}, {"V11", bandits}, {"V12", endToEnd}, {"V13", exact}, {"V14", widths}, {"V15", leaving},
	{"V16", trust}, {"V17", corrections}, {"V18", divergence}, {"V19", powered},
}

// run prints the table and tells whether every rule held.
func run(w io.Writer, full bool, seed uint64, only string) (bool, error) {
	s := size{full: full, seed: seed}
	all := true
	if _, err := fmt.Fprint(w, "| check | case | method | measured | rule | |\n|---|---|---|---|---|---|\n"); err != nil {
		return false, err
	}
	for _, c := range checks {
		if only != "" && only != c.id {
			continue
		}
		for _, r := range c.run(s) {
			mark := "ok"
			if !r.ok {
				mark, all = "**BROKEN**", false
			}
			if _, err := fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s |\n", c.id, r.what, r.method, r.measured, r.rule, mark); err != nil {
				return false, err
			}
		}
	}
	return all, nil
}
