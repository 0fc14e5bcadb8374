package analysis

import "github.com/verdict-dev/verdict/experiments"

// design is an experiment in the form for reading units: variants are numbers.
type design struct {
	def     experiments.Definition // with defaults, variants in byte order
	names   []string
	index   map[string]int
	control int
	metrics []metric // the primary one and then the guardrails
}

func designOf(exp *experiments.Experiment) *design {
	e := &design{def: exp.Definition(), index: map[string]int{}}
	for i, v := range e.def.Variants {
		e.names = append(e.names, v.Name)
		e.index[v.Name] = i
	}
	e.control = e.index[e.def.Control]
	e.metrics = []metric{{Metric: e.def.Primary}}
	for _, g := range e.def.Guardrails {
		e.metrics = append(e.metrics, metric{Metric: g})
	}
	return e
}
