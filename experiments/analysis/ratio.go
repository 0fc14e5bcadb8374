package analysis

// SampleRatio tests whether units arrived in the ratio of their assignment.
type SampleRatio struct {
	// LogE is the natural logarithm of the e-value against the ratio. It may be looked at after every unit.
	LogE float64 `json:"log_e"`
	// ChiSquareP is the classical p-value, shown only: under repeated looks it cries wolf.
	ChiSquareP float64 `json:"chi_square_p"`
	// Alarm and Warn tell whether the e-value has reached 100 and 20.
	Alarm bool `json:"alarm"`
	Warn  bool `json:"warn"`
}

// Thresholds of the checks that make an experiment invalid.
const (
	AlarmE = 100
	WarnE  = 20
)
