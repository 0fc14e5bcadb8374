package agreement

import "github.com/verdict-dev/verdict/scoring"

// OutcomesNeeded returns which share of the outcomes of a number of units a prediction-powered mean needs for the error that the mean
// of all of them has: (1 − r²)/(1 − r²·units/judged), with r the correlation of judgements and outcomes, and judged the
// number of units that have a judgement, the ones with an outcome included. Infinity stands for unlimited judgements. It is 1
// where no more units are judged than there are: then a judge saves nothing. So a judge with r = 0.5 saves a quarter at most, and
// it takes r ≥ 0.84 to do with 30 %.
func OutcomesNeeded(r, units, judged float64) (float64, error) {
	switch {
	case !(r >= -1 && r <= 1):
		return 0, scoring.Invalid("correlation", "%v is not from -1 to 1", r)
	case !(units > 0 && judged >= units):
		return 0, scoring.Invalid("judged", "%v of %v units", judged, units)
	case judged == units:
		return 1, nil
	}
	return (1 - r*r) / (1 - r*r*units/judged), nil
}
