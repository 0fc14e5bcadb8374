package main

import (
	"fmt"

	"github.com/verdict-dev/verdict/internal/betting"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// widths compares intervals with the fixed one, and holds the interval of the difference and that of the lift to the same
// side of 0 at every look.
func widths(s size) []row {
	cases := []scores{bernoulli(.5, .5), bernoulli(.05, .05)}
	marks := []int{200, 1000, 4000}
	if s.full {
		cases = []scores{
			bernoulli(.5, .5), bernoulli(.3, .3), bernoulli(.05, .05), bernoulli(.01, .01), bernoulli(.95, .95),
			quality(8, 2), revenue(8), bernoulli(.3, .36), bernoulli(.05, .065), bernoulli(.9, .6),
		}
		marks = append(marks, 20_000)
	}
	const threshold = 2 / alpha
	cs := estimate.Sequence{Alpha: alpha, Planned: planned}
	looks, apart, outside := 0, 0, 0
	var rows []row
	for _, pi := range []float64{.5, .1} {
		for c, dist := range cases {
			exact, asymptotic, fixed := make([]float64, len(marks)), make([]float64, len(marks)), make([]float64, len(marks))
			for i := range s.pick(6, 16) {
				x := stream{rng: s.rng(1400+c+int(100*pi), i)}
				unit := dist.unit()
				p := betting.NewPair(0, false, nil, nil)
				for n, k := 1, 0; k < len(marks); n++ {
					treated := x.treat(pi)
					p.Add(x.bet(treated, unit(dist.draw(x.rng, treated)), pi))
					if n != marks[k] && n%100 > 0 {
						continue
					}
					v, lo, hi := p.Difference(threshold)
					looks++
					if v < lo || v > hi {
						outside++
					}
					if _, low, high, ok := p.Lift(threshold); ok && (lo >= 0 != (low >= 0) || hi <= 0 != (high <= 0)) {
						apart++
					}
					if n == marks[k] {
						f := x.fixed()
						exact[k] += hi - lo
						fixed[k] += f
						i := cs.Interval(x.effect())
						asymptotic[k] += i.Hi - i.Lo
						k++
					}
				}
			}
			text, other := "", ""
			for k := range marks {
				text += fmt.Sprintf(" %.2f", exact[k]/fixed[k])
				other += fmt.Sprintf(" %.2f", asymptotic[k]/fixed[k])
			}
			what := fmt.Sprintf("%s, %.0f/%.0f, width over the fixed one at %v", dist.name, 100*(1-pi), 100*pi, marks)
			r := row{what: what, method: "betting", measured: text[1:], rule: "shown", ok: true}
			if pi == .5 && (dist.name == "Bernoulli 0.50" || dist.name == "Bernoulli 0.30") {
				at4000 := exact[2] / fixed[2]
				r.rule, r.ok = "1.73 +- 0.04 from 4000 on", at4000 > 1.69 && at4000 < 1.77
			}
			rows = append(rows, r, row{what: what, method: "asymptotic", measured: other[1:], rule: "shown", ok: true})
		}
	}
	none := func(what string, n int) row {
		return row{what: what, method: "betting", measured: fmt.Sprintf("%d of %d looks", n, looks), rule: "none", ok: n == 0}
	}
	rows = append(rows, none("difference and lift on different sides of 0", apart))
	rows = append(rows, row{
		what: "estimate outside its interval", method: "betting", measured: fmt.Sprintf("%d of %d looks", outside, looks),
		rule: "none", ok: outside == 0,
	})
	if s.full {
		rows = append(rows, millions(s))
	}
	return rows
}

// millions is one stream of ten million units.
func millions(s size) row {
	const n = 10_000_000
	x := stream{rng: s.rng(1500, 0)}
	p := betting.NewPair(-1, false, nil, nil)
	for range n {
		treated := x.treat(.5)
		rate := .30
		if treated {
			rate = .31
		}
		p.Add(x.bet(treated, score(x.rng, rate), .5))
	}
	_, lo, hi := p.Difference(2 / alpha)
	share := (hi - lo) / x.fixed()
	return row{
		what: "Bernoulli 0.30 v 0.31, width over the fixed one at 10,000,000", method: "betting",
		measured: fmt.Sprintf("%.2f", share), rule: "<= 2", ok: share <= 2 && lo > 0,
	}
}
