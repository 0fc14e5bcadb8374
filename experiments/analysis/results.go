package analysis

import "github.com/verdict-dev/verdict/experiments/results"

// The results are in a package of their own, which brings in no statistics.
type (
	Report       = results.Analysis
	EpochReport  = results.EpochReport
	MetricReport = results.MetricReport
	Result       = results.Result
	Comparison   = results.Comparison
	Interval     = results.Interval
	Quantiles    = results.Quantiles
	Counts       = results.Counts
	SampleRatio  = results.SampleRatio
	SealCounts   = results.SealCounts
	Fact         = results.Fact
	Method       = results.Method
)

// The methods.
const (
	Betting      = results.Betting
	BetaBinomial = results.BetaBinomial
	Asymptotic   = results.Asymptotic
)
