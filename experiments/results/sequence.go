package results

// Sequence is the course of the primary metric as units came in: units are taken in the order of their assignment,
// without the ones whose window is open.
type Sequence struct {
	Metric  string `json:"metric"`
	Control string `json:"control"`
	// Lift tells that values are shares of the control. Otherwise they are differences, as the metric is measured.
	Lift bool `json:"lift,omitempty"`
	// Units is how many have matured.
	Units int `json:"units"`
	// Lines are the variants but the control, in their order.
	Lines []Line `json:"lines"`
	// Changes are where the weights changed.
	Changes []Change `json:"changes,omitempty"`
}

// Line is a variant. It has no points while there are too few units.
type Line struct {
	Variant string  `json:"variant"`
	Points  []Point `json:"points,omitempty"`
}

// Point is the state of the analysis after a number of units.
type Point struct {
	Units    int      `json:"units"`
	Value    float64  `json:"value"`
	Interval Interval `json:"interval"`
}

// Change is the begin of a weight epoch.
type Change struct {
	After int `json:"after"` // so many matured units
	Epoch int `json:"epoch"`
}
