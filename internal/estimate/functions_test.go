package estimate_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/bucketing"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/estimate"
)

// notExported lists the functions of the reference file that the package has no use for, with the reason.
var notExported = map[string]string{
	"log_e_process":                       "17 bets without each unit's own bound; package betting has 23 with it, held to the formula and to all paths of a few units",
	"gamma_exponential_log_mixture":       "bounds for sub-exponential sums; scores are bounded, capped or ranked before a decision",
	"gamma_poisson_log_mixture":           "bounds for sub-Poisson sums; scores are bounded, capped or ranked before a decision",
	"beta_binomial_log_mixture_one_sided": "the one-variant interval of a proportion is two-sided; one-sided decisions are those of the bets",
	"poly_stitching_bound":                "a stitched bound where the mixture in use is tighter at the planned size",
	"empirical_process_lil_bound":         "a confidence band of a distribution function; quantiles are shown from a sketch and not decided on",
	"double_stitching_bound":              "a bound of a quantile process; quantiles are shown from a sketch and not decided on",
	"quantile_ab_p_value":                 "a test of quantiles; an unbounded metric is decided on the order of its values",
	"bayes_quantile_absolute_prior_var1":  "a posterior of a quantile under an informative prior; quantiles are not decided on and priors are flat",
	"lambda_predmix_eb_first_bet":         "a bet that follows the data; the bets are fixed, a mixture of 23",
	"benjamini_hochberg":                  "an adjustment of p-values; many metrics are weighed by e-values, under any dependence",
	"bh_two":                              "an adjustment of p-values; many metrics are weighed by e-values, under any dependence",
	"mid_experiment_scaling_sequential":   "units needed for a power; the report says how many units the measured effect needs",
	"anytime_valid_t":                     "a coefficient of a regression; a metric has one covariate, and theta takes it out",
	"cuped_ratio_relative":                "a ratio has no covariate: Definition.Validate refuses one",
}

// functions compute what the reference file expects, through the exported API.
var functions = map[string]func(t *testing.T, in json.RawMessage) results{
	"two_sided_t": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e, f := a.effect(t), a.welch()
		return results{"effect": e.Value, "se": e.SE, "ci": pair(f.Interval(e)), "p": f.PValue(e)}
	},
	"two_sided_t_proportion": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		require.Equal(t, "p(1-p), no Bessel", a.Variance)
		e, f := a.effect(t), a.welch()
		return results{"effect": e.Value, "se": e.SE, "ci": pair(f.Interval(e)), "p": f.PValue(e)}
	},
	"one_sided_t_greater": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e, f := a.effect(t), a.welch()
		return results{"effect": e.Value, "se": e.SE, "bound": f.Lower(e), "p": f.PValueGreater(e)}
	},
	"one_sided_t_lesser": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e, f := a.effect(t), a.welch()
		return results{"effect": e.Value, "se": e.SE, "bound": f.Upper(e), "p": f.PValueLess(e)}
	},
	"p_value_symmetric": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		return results{"p": a.welch().PValue(a.effect(t))}
	},
	"difference_ci_small": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e, f := a.effect(t), a.welch()
		return results{"effect": e.Value, "ci": pair(f.Interval(e)), "p": f.PValue(e)}
	},
	"two_sided_relative_posthog": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e, f := a.effect(t), a.welch()
		return results{"effect": e.Value, "ci": pair(f.Interval(e)), "p": f.PValue(e)}
	},
	"two_sided": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e, s := a.effect(t), a.sequence()
		return results{"effect": e.Value, "se": e.SE, "ci": pair(s.Interval(e)), "p": s.PValue(e)}
	},
	"one_sided_greater": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		return results{"bound": a.sequence().Lower(a.effect(t)), "p": math.Min(1, math.Exp(-a.sequence().LogEGreater(a.effect(t))))}
	},
	"one_sided_lesser": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e := a.effect(t)
		e.Value = -e.Value
		return results{"bound": a.sequence().Upper(a.effect(t)), "p": math.Min(1, math.Exp(-a.sequence().LogEGreater(e)))}
	},
	"eppo_documented_sequential_multiplier": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			N          float64 `json:"total_n"`
			Confidence float64 `json:"confidence"`
			Tune       float64 `json:"n_tune"`
		}](t, in)
		return results{"multiplier": estimate.Sequence{Alpha: 1 - a.Confidence, Planned: a.Tune}.Multiplier(a.N)}
	},
	"asymp_cs_relative_cuped": cupedSequence,
	"theta_zero_variance": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Pre    float64 `json:"pre_sum"`
			PrePre float64 `json:"pre_sum_squares"`
			Post   []float64
		}](t, in)
		n, y, yy := float64(len(a.Post)), 0.0, 0.0
		for _, v := range a.Post {
			y, yy = y+v, yy+v*v
		}
		return results{"theta": estimate.CoMomentsOf(n, a.Pre, a.PrePre, y, yy, 0).Theta()}
	},
	"n1_variance_zero": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct{ Values []float64 }](t, in)
		var m estimate.Moments
		for _, y := range a.Values {
			m.Add(y)
		}
		return results{"variance": m.Variance()}
	},
	"merge_add": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct{ Parts []aggregates }](t, in)
		var m estimate.Moments
		for _, p := range a.Parts {
			m.Merge(estimate.MomentsOf(p.N, p.Sum, *p.SumSquares))
		}
		return results{"n": m.N, "sum": m.Sum(), "sum_squares": m.SumSquares()}
	},
	"welford_NumAcc2":             nistMoments,
	"welford_NumAcc3":             nistMoments,
	"welford_NumAcc4":             nistMoments,
	"delta_method_ratio_relative": ratioRelative,
	"flat_prior_mean":             flatPosterior,
	"posthog_flat_relative":       flatPosterior,
	"risk_extreme":                risk,
	"risk_regular":                risk,
	"credible_interval_jeffreys": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Successes, Trials, Level float64
			Prior                    [2]float64
		}](t, in)
		p := estimate.Beta{A: a.Prior[0] + a.Successes, B: a.Prior[1] + a.Trials - a.Successes}
		return results{"ci": pair(p.Interval(a.Level))}
	},
	"fixed_horizon_total_n_continuous": fixedTotal,
	"fixed_horizon_total_n_binomial":   fixedTotal,
	"dirichlet_multinomial_log_ml": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Batches [][]float64
			Null    []float64
			Alpha   []float64 `json:"dirichlet_alpha"`
		}](t, in)
		counts := make([]float64, len(a.Null))
		// The source's probability is of the counts of each batch, ours of the sequence: they differ by the number of
		// orders, which the e-value does not depend on.
		orders := 0.0
		for _, batch := range a.Batches {
			n := 0.0
			for i, c := range batch {
				counts[i] += c
				n += c
				l, _ := math.Lgamma(c + 1)
				orders -= l
			}
			l, _ := math.Lgamma(n + 1)
			orders += l
		}
		return results{
			"log_ml_alt":  estimate.DirichletLogML(counts, a.Alpha) + orders,
			"log_ml_null": estimate.MultinomialLogML(counts, a.Null) + orders,
		}
	},
	"chi2_gof":          chiSquare,
	"chi2_gof_no_alarm": chiSquare,
	"difference_ci": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		e := a.effect(t)
		// The p-value is of the pooled 2x2 table: the chi-square test of independence of one degree of freedom.
		pooled := (a.Treatment.Sum + a.Control.Sum) / (a.Treatment.N + a.Control.N)
		v := pooled * (1 - pooled)
		null := estimate.Difference(
			estimate.Estimate{N: a.Treatment.N, Mean: e.Value, Variance: v / a.Treatment.N},
			estimate.Estimate{N: a.Control.N, Variance: v / a.Control.N})
		f := estimate.FixedHorizon{Alpha: a.alpha()}
		return results{"difference": e.Value, "ci": pair(f.Interval(e)), "p": f.PValue(null)}
	},
	"difference_relative_ci": func(t *testing.T, in json.RawMessage) results {
		// What the source divides by the control's mean, as if it were known, is computed here to show that the lift is not.
		a := decode[twoArms](t, in)
		a.Difference = "absolute"
		e, f := a.effect(t), estimate.FixedHorizon{Alpha: a.alpha()}
		i := f.Interval(e)
		mean := a.Control.Sum / a.Control.N
		a.Difference = "relative"
		lift := a.effect(t)
		require.InDelta(t, e.Value/mean, lift.Value, 1e-12)
		require.Greater(t, f.Interval(lift).Hi-f.Interval(lift).Lo, 1.05*(i.Hi-i.Lo)/mean)
		return results{"difference": lift.Value, "ci": []any{i.Lo / mean, i.Hi / mean}}
	},
	"bernoulli_confidence_interval": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Successes, Trials, Alpha float64
			Planned                  float64 `json:"t_opt"`
		}](t, in)
		return results{"ci": pair(estimate.BernoulliInterval(a.Successes, a.Trials, a.Alpha, a.Planned))}
	},
	"normal_log_mixture_two_sided": func(t *testing.T, in json.RawMessage) results {
		s, e := normalMixture(t, in)
		return results{"value": s.LogE(e)}
	},
	"normal_log_mixture_one_sided": func(t *testing.T, in json.RawMessage) results {
		s, e := normalMixture(t, in)
		return results{"value": s.LogEGreater(e)}
	},
	"beta_binomial_log_mixture_two_sided": func(t *testing.T, in json.RawMessage) results {
		// A sum of n centred values, h with probability g and -g otherwise, has the variance n g h, and g n + s successes.
		a := decode[struct {
			S, V, G, H float64
			Planned    float64 `json:"v_opt"`
			Alpha      float64 `json:"alpha_opt"`
		}](t, in)
		require.Equal(t, .05, a.Alpha, "of the level for which bernoulliLogE is tuned")
		n := a.V / (a.G * a.H)
		return results{"value": estimate.BernoulliLogE(n*a.G+a.S, n, a.G, a.Planned/(a.G*a.H))}
	},
	"powered_effect": func(t *testing.T, in json.RawMessage) results {
		a := decode[twoArms](t, in)
		// Both variants are taken to have the control's variance.
		c := estimate.MomentsOf(a.Control.N, a.Control.Sum, *a.Control.SumSquares)
		n := a.Control.N + a.Treatment.N
		share := a.Control.N / n
		return results{
			"powered_effect": math.Sqrt(experiments.FixedTotal(1, c.Variance(), share, a.Alpha, a.Power) / n),
			"required_n":     experiments.FixedTotal(a.MDE*c.Mean, c.Variance(), share, a.Alpha, a.Power),
		}
	},
	"additive_floor":         floor,
	"negative_floor_is_zero": floor,

	"hash": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Seed, Value string
			Version     int
		}](t, in)
		n, ok := bucketing.GrowthBook(a.Seed, a.Value, a.Version)
		if !ok {
			return results{"n": nil}
		}
		return results{"n": n}
	},
	"getBucketRange": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Variations int `json:"num_variations"`
			Coverage   float64
			Weights    []float64
		}](t, in)
		out := []any{}
		for _, r := range bucketing.GrowthBookRanges(a.Variations, a.Coverage, a.Weights) {
			out = append(out, []any{r.From, r.To})
		}
		return results{"ranges": out}
	},
	"chooseVariation": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			N      float64
			Ranges [][2]float64
		}](t, in)
		var ranges []bucketing.Range
		for _, r := range a.Ranges {
			ranges = append(ranges, bucketing.Range{From: r[0], To: r[1]})
		}
		return results{"variation": float64(bucketing.Choose(a.N, ranges))}
	},
	"inNamespace": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			User      string
			Namespace [3]any
		}](t, in)
		r := bucketing.Range{From: a.Namespace[1].(float64), To: a.Namespace[2].(float64)}
		return results{"included": bucketing.GrowthBookNamespace(a.User, a.Namespace[0].(string), r)}
	},
	"getEqualWeights": func(t *testing.T, in json.RawMessage) results {
		return results{"weights": list(bucketing.EqualWeights(decode[struct{ N int }](t, in).N))}
	},
	"launchdarkly_sha1_bucket": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Flag    string `json:"flag_key"`
			Salt    string
			Context string
			Seed    *int
		}](t, in)
		return results{"bucket": bucketing.LaunchDarkly(a.Flag, a.Salt, a.Context, a.Seed)}
	},
	"optimizely_murmur3_bucket": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Key     string
			Seed    uint32
			Buckets int
		}](t, in)
		return results{"bucket": float64(bucketing.Optimizely(a.Key, a.Seed, a.Buckets))}
	},
	"unleash_murmur3_variant": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Group, ID        string
			Normalizer, Seed uint32
		}](t, in)
		return results{"value": float64(bucketing.Unleash(a.Group, a.ID, a.Normalizer, a.Seed))}
	},
	"eppo_md5_shard": func(t *testing.T, in json.RawMessage) results {
		a := decode[struct {
			Input string
			Total uint32
		}](t, in)
		return results{"shard": float64(bucketing.Eppo(a.Input, a.Total))}
	},
}

func cupedSequence(t *testing.T, in json.RawMessage) results {
	type arm struct {
		N        float64 `json:"n"`
		Post     float64 `json:"post_sum"`
		PostPost float64 `json:"post_sum_squares"`
		Pre      float64 `json:"pre_sum"`
		PrePre   float64 `json:"pre_sum_squares"`
		PostPre  float64 `json:"post_pre_sum_products"`
	}
	a := decode[struct {
		Control, Treatment arm
		Difference         string
		Alpha              float64
		NStar              float64 `json:"n_star"`
	}](t, in)
	require.Equal(t, "relative", a.Difference)
	moments := func(a arm) estimate.CoMoments {
		return estimate.CoMomentsOf(a.N, a.Pre, a.PrePre, a.Post, a.PostPost, a.PostPre)
	}
	b, j := moments(a.Treatment), moments(a.Control)
	within := estimate.CoMoments{Mxx: b.Mxx + j.Mxx, Mxy: b.Mxy + j.Mxy}
	theta := within.Theta()
	e, _ := estimate.RelativeTo(b.Adjusted(theta, 0), j.Adjusted(theta, 0), b.MeanY, j.MeanY)
	s := estimate.Sequence{Alpha: a.Alpha, Planned: a.NStar}
	return results{"effect": e.Value, "se": e.SE, "ci": pair(s.Interval(e)), "p": s.PValue(e)}
}

func nistMoments(t *testing.T, in json.RawMessage) results {
	a := decode[struct {
		B, N         float64
		Construction string
	}](t, in)
	require.Regexp(t, `^first value b\+0.2 then \d+ pairs \(b\+0.1, b\+0.3\)$`, a.Construction)
	// In one pass, and merged from seven shards.
	var m estimate.Moments
	var shards [7]estimate.Moments
	for i := range int(a.N) {
		y := a.B + 0.2
		if i > 0 {
			y = a.B + 0.1 + 0.2*float64((i+1)%2)
		}
		m.Add(y)
		shards[i%7].Add(y)
	}
	var merged estimate.Moments
	for _, s := range shards {
		merged.Merge(s)
	}
	if math.Abs(merged.SD()-m.SD()) > 1e-9 {
		return nil
	}
	return results{"mean": merged.Mean, "sd": merged.SD()}
}

func ratioRelative(t *testing.T, in json.RawMessage) results {
	type arm struct {
		N  float64 `json:"n"`
		M  float64 `json:"m_sum"`
		MM float64 `json:"m_sum_squares"`
		D  float64 `json:"d_sum"`
		DD float64 `json:"d_sum_squares"`
		MD float64 `json:"md_sum_products"`
	}
	a := decode[struct{ Control, Treatment arm }](t, in)
	ratio := func(a arm) estimate.Estimate {
		e, _ := estimate.CoMomentsOf(a.N, a.D, a.DD, a.M, a.MM, a.MD).Ratio()
		return e
	}
	b, j := ratio(a.Treatment), ratio(a.Control)
	e, _ := estimate.Relative(b, j)
	f := estimate.FixedHorizon{Alpha: 0.05, Freedom: estimate.WelchFreedom(b, j)}
	return results{"effect": e.Value, "ci": pair(f.Interval(e)), "p": f.PValue(e)}
}

func flatPosterior(t *testing.T, in json.RawMessage) results {
	a := decode[twoArms](t, in)
	a.Difference = "relative"
	e := a.effect(t)
	p := estimate.Normal{Mean: e.Value, SD: e.SE}
	treatment, control := p.Risk()
	best, _ := estimate.Best([]estimate.Posterior{p, estimate.Normal{Mean: 0, SD: 1e-12}})
	return results{"effect": e.Value, "se": e.SE, "ci": pair(p.Interval(0.95)), "chance_to_win": best[0], "risk": []any{control, treatment}}
}

func risk(t *testing.T, in json.RawMessage) results {
	a := decode[struct{ Mu, Sigma float64 }](t, in)
	treatment, control := estimate.Normal{Mean: a.Mu, SD: a.Sigma}.Risk()
	return results{"risk": []any{control, treatment}}
}

func fixedTotal(t *testing.T, in json.RawMessage) results {
	a := decode[struct{ MDE, Variance, Baseline, Alpha, Power float64 }](t, in)
	if a.Variance == 0 {
		// Half of the units have the baseline's variance and half that of the baseline plus the effect.
		p, q := a.Baseline, a.Baseline+a.MDE
		a.Variance = (p*(1-p) + q*(1-q)) / 2
	}
	return results{"n_total": experiments.FixedTotal(a.MDE, a.Variance, 0.5, a.Alpha, a.Power)}
}

func chiSquare(t *testing.T, in json.RawMessage) results {
	a := decode[struct{ Observed, Weights []float64 }](t, in)
	p := estimate.ChiSquareP(a.Observed, a.Weights)
	return results{"p": p, "alarm_at_0_001": p < 0.001}
}

func floor(t *testing.T, in json.RawMessage) results {
	a := decode[struct {
		W     []float64
		Floor float64
	}](t, in)
	return results{"weights": list(rollout.Weights(experiments.Thompson, a.W, a.Floor))}
}

func normalMixture(t *testing.T, in json.RawMessage) (estimate.Sequence, estimate.Effect) {
	a := decode[struct {
		S, V    float64
		Planned float64 `json:"v_opt"`
		Alpha   float64 `json:"alpha_opt"`
	}](t, in)
	// A sum s with variance v is an effect of s/sqrt(v) standard errors at v units.
	return estimate.Sequence{Alpha: a.Alpha, Planned: a.Planned}, estimate.Effect{N: a.V, Value: a.S / math.Sqrt(a.V), SE: 1}
}
