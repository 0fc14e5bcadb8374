package analysis

// Plain is the part of a state that is no evidence, for tests to compare.
func (a *Analysis) Plain() []any {
	return []any{a.first, a.last, a.changes, a.weights, a.states, a.strata, a.epochs, a.many, a.unusable, a.seals}
}
