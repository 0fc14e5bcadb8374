package experiments

// MustNew is [New] for a definition that is part of the program, such as a package's variable: it panics when the
// definition has a mistake, with every mistake.
func MustNew(d Definition) *Experiment {
	e, err := New(d)
	if err != nil {
		panic(err)
	}
	return e
}
