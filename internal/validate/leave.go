package main

import (
	"github.com/verdict-dev/verdict/experiments/analysis"
	"github.com/verdict-dev/verdict/internal/betting"
)

// leaving takes failures of the treated out of an experiment without an effect, as a reset of the runs that went badly
// does, and tests whether the units of both variants leave equally often: by bets on every unit, as missing scores are
// tested, and by bets on the ones that leave alone, as resets after the seal are.
func leaving(s size) []row {
	var rows []row
	for c, x := range []struct {
		what                 string
		treated, other, both float64 // of the failures, and of all units
		harmless             bool
	}{
		{"5% of all units leave, at random", 0, 0, .05, true},
		{"5% of the failures of both leave", .05, .05, 0, true},
		{"5% of the failures of one variant leave", .05, 0, 0, false},
		{"10% of the failures of one variant leave", .1, 0, 0, false},
	} {
		var wrong, alarm, resets rate
		for i := range s.pick(60, 300) {
			kept := stream{rng: s.rng(1600+c, i)}
			left := stream{rng: kept.rng}
			var e, gone ends
			var more, less betting.Test
			top := 0.0
			for range s.pick(6000, 20_000) {
				treated := kept.treat(.5)
				u := score(kept.rng, .5)
				p := x.both
				if u == 0 {
					p += x.other
					if treated {
						p += x.treated - x.other
					}
				}
				leaves := score(kept.rng, p)
				gone.difference(left.bet(treated, leaves, .5), 0)
				if leaves == 0 {
					e.difference(kept.bet(treated, u, .5), 0)
					continue
				}
				y := -1.0
				if treated {
					y = 1
				}
				more.Bet(y)
				less.Bet(-y)
				top = max(top, (more.E()+less.E())/2)
			}
			wrong.add(e.missed())
			// The mean of both wealths, as the analysis takes it, is over the alarm when one is over twice as much.
			alarm.add(max(gone.more.Peak(), gone.less.Peak()) >= 2*analysis.AlarmE)
			resets.add(top >= analysis.AlarmE)
		}
		if x.harmless {
			rows = append(rows, never(x.what+", an effect at any look", "difference", wrong, alpha), never(x.what, "alarm of missing scores", alarm, .01), never(x.what, "alarm of resets", resets, .01))
			continue
		}
		rows = append(rows, shown(x.what+", an effect at any look", "difference, and no look at who left", wrong),
			row{what: x.what, method: "alarm of missing scores", measured: alarm.String(), rule: ">= 0.95", ok: alarm.value() >= .95},
			row{what: x.what, method: "alarm of resets", measured: resets.String(), rule: ">= 0.95", ok: resets.value() >= .95})
	}
	return rows
}
