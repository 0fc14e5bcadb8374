package analysis

import "github.com/verdict-dev/verdict/experiments"

// design is an experiment in the form for reading units: variants are numbers.
type design struct {
	def     experiments.Definition // with defaults, variants in byte order
	names   []string
	index   map[string]int
	control int
	metrics []metric // the primary one and then the guardrails
	// observed decide nothing.
	observed []metric
}

func designOf(exp *experiments.Experiment) *design {
	e := &design{def: exp.Definition(), index: map[string]int{}}
	for i, v := range e.def.Variants {
		e.names = append(e.names, v.Name)
		e.index[v.Name] = i
	}
	e.control = e.index[e.def.Control]
	e.metrics = []metric{metricOf(e.def.Primary)}
	for _, g := range e.def.Guardrails {
		e.metrics = append(e.metrics, metricOf(g))
	}
	for _, m := range e.def.Observed {
		e.observed = append(e.observed, metricOf(m))
	}
	return e
}

// all returns the i-th of the metrics and then the observed ones.
func (e *design) all(i int) metric {
	if i < len(e.metrics) {
		return e.metrics[i]
	}
	return e.observed[i-len(e.metrics)]
}

// uncorrected returns the metrics as they are read.
func (e *design) uncorrected() []metric {
	all := make([]metric, len(e.metrics))
	for i, m := range e.metrics {
		all[i] = m.uncorrected()
	}
	return all
}
