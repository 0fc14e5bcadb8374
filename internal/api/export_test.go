package api

// Reading is a route that reads.
type Reading struct {
	Path   string
	Params []string
}

// Readings are the routes that read.
func Readings() (all []Reading) {
	for _, r := range (&api{}).readings() {
		all = append(all, Reading{r.path, r.params})
	}
	return all
}
