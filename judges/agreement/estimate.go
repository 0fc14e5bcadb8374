package agreement

import (
	"fmt"
	"math"

	"github.com/verdict-dev/verdict/internal/estimate"
	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// Estimate is a statistic with its interval.
type Estimate struct {
	Value float64 `json:"value"`
	// SE is the standard error, to first order. The interval is often wider, and not symmetric.
	SE float64 `json:"se"`
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
	// N is the number of pairs or units that it rests on; with weights the number of equal ones that would say as much,
	// (Σw)²/Σw² (Kish 1965).
	N float64 `json:"n"`
}

func undefined(format string, args ...any) error {
	return fmt.Errorf("%w: %s", judges.ErrUndefined, fmt.Sprintf(format, args...))
}

// quantile returns how many standard errors an interval at a level reaches to either side: 1.96 for 0.95.
func quantile(level float64) (float64, error) {
	if !(level > 0 && level < 1) {
		return 0, scoring.Invalid("level", "%v is not between 0 and 1", level)
	}
	return math.Sqrt2 * math.Erfinv(level), nil
}

// Share returns a share with its Wilson interval at a level such as 0.95 (Wilson 1927, JASA 22:209): it stays within
// [0, 1], and is not empty where all or none of the trials succeeded. Successes and trials may be effective numbers,
// and need not be whole. [judges.ErrUndefined] without trials; successes outside [0, trials] are refused.
func Share(successes, trials, level float64) (Estimate, error) {
	z, err := quantile(level)
	if err != nil {
		return Estimate{}, err
	}
	if !estimate.Finite(trials) || !(successes >= 0 && successes <= trials) {
		return Estimate{}, scoring.Invalid("successes", "%v of %v is no share", successes, trials)
	}
	if trials == 0 {
		return Estimate{}, undefined("there are no trials")
	}
	p, z2 := successes/trials, z*z
	centre := (p + z2/(2*trials)) / (1 + z2/trials)
	half := z / (1 + z2/trials) * math.Sqrt(p*(1-p)/trials+z2/(4*trials*trials))
	e := Estimate{Value: p, SE: math.Sqrt(p * (1 - p) / trials), Lo: max(centre-half, 0), Hi: min(centre+half, 1), N: trials}
	if successes == 0 {
		e.Lo = 0 // rounding may leave a little
	}
	if successes == trials {
		e.Hi = 1
	}
	return e, nil
}

// chanceCorrected returns the interval of a coefficient whose value is 1 for perfect agreement and 0 for chance, given
// its large-sample variance. A variance that is estimated near perfect agreement is near 0 however few the pairs, so z²
// pairs at chance are added, which have the value 0 and the variance 1, before it is taken: Agresti and Coull's
// interval (1998) for a share, carried over. The interval contains the value.
func chanceCorrected(value, variance, n, z float64) Estimate {
	z2 := z * z
	m := n + z2
	centre := value * n / m
	perPair := (n*(variance*n)+z2)/m + n*z2/(m*m)*value*value
	half := z * math.Sqrt(perPair/m)
	return Estimate{Value: value, SE: math.Sqrt(variance), Lo: min(max(centre-half, -1), value), Hi: max(min(centre+half, 1), value), N: n}
}
