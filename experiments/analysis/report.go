package analysis

import (
	"time"

	"github.com/verdict-dev/verdict/experiments"
)

// Report returns the results of the units added so far, at the given moment. It changes nothing.
func (a *Analysis) Report(now time.Time) Report {
	j := a.judge(now)
	d := a.exp.def
	r := Report{
		Experiment: d.Name, Version: d.Version, Fingerprint: d.Fingerprint(), At: now.UTC(), Control: d.Control,
		Decision: j.decided(), Units: a.units + a.late, Crossed: a.crossed,
		SampleRatio: a.sampleRatio(false), Matured: a.sampleRatio(true), Facts: j.facts(),
	}
	for _, n := range strata(a.epochs) {
		r.Epochs = append(r.Epochs, a.epochReport(n))
	}
	r.Seals = a.seals.report(a.exp.names)
	for i := range j.read {
		r.Metrics = append(r.Metrics, j.metric(i))
	}
	for _, t := range a.held {
		r.Judges = append(r.Judges, t.report()...)
	}
	r.Notes = j.notes()
	return r
}

// Decide returns the decision alone, which costs a small part of a report.
func (a *Analysis) Decide(now time.Time) experiments.Decision { return a.judge(now).decided() }

func (a *Analysis) epochReport(n stratum) EpochReport {
	e := a.epochs[n]
	out := EpochReport{Number: n.epoch, Since: e.since.UTC(), Units: e.units}
	if e.shares != nil {
		out.Weights = map[string]float64{}
		for v, name := range a.exp.names {
			out.Weights[name] = e.shares[v]
		}
	}
	return out
}
