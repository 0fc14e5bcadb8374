package judges_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

func TestJSONKeys(t *testing.T) {
	t.Parallel()
	mean := func(output, expected string, exclude ...string) float64 {
		m, err := judges.JSONKeys(output, expected, exclude...)
		require.NoError(t, err)
		score, err := m.Score(judges.Mean, judges.Mean)
		require.NoError(t, err)
		return score
	}
	require.Equal(t, 1.0, mean(`{"a":1.0,"b":[1,{"c":null}]}`, `{"b":[1.0,{"c":null}],"a":1}`))
	require.Equal(t, 0.5, mean(`{"a":null}`, `{"a":null,"b":null}`), "missing is not null")
	require.Equal(t, 0.0, mean(`not JSON`, `{"a":1}`))
	require.Equal(t, 0.0, mean(`5`, `{"a":1}`))
	require.Equal(t, 1.0, mean(`{"a":1}`, `[{"a":1}]`), "one is a list of one")
	require.Equal(t, 0.5, mean(`[{"a":1},7]`, `[{"a":1},{"a":2}]`))
	require.Equal(t, 0.5, mean(`[{"a":1}]`, `[{"a":1},{"a":1}]`), "an object has one partner")
	require.Equal(t, 1.0, mean(`[{"a":2},{"a":1}]`, `[{"a":1},{"a":2}]`), "in any order")
	// The first object fits both, the second only the first: taking the first best pair would lose one.
	require.Equal(t, 0.5, mean(`[{"a":1,"b":1},{"a":1,"b":2}]`, `[{"a":1,"b":3},{"a":2,"b":1}]`))

	paired := func(lists judges.Pairing, output, expected string) float64 {
		m, err := judges.Keys{Lists: lists}.Compare(output, expected)
		require.NoError(t, err)
		score, err := m.Score(judges.Mean, judges.Mean)
		require.NoError(t, err)
		return score
	}
	require.Equal(t, 1.0, paired(judges.ExtraAllowed, `[{"a":3},{"a":2},{"a":1}]`, `[{"a":1},{"a":2}]`))
	require.Equal(t, 0.5, paired(judges.ExtraAllowed, `[{"a":1}]`, `[{"a":1},{"a":2}]`))
	require.Equal(t, 1.0, paired(judges.SomeAllowed, `[{"a":1}]`, `[{"a":2},{"a":1}]`))
	require.Equal(t, 0.5, paired(judges.SomeAllowed, `[{"a":1},{"a":2}]`, `[{"a":2}]`))
	require.Equal(t, 0.0, paired(judges.ByPosition, `[{"a":1},{"a":2}]`, `[{"a":2},{"a":1}]`))
	require.Equal(t, 0.5, paired(judges.ByPosition, `[{"a":2}]`, `[{"a":2},{"a":1}]`))

	m, err := judges.JSONKeys(`{"a":1}`, `{"a":2}`, "a")
	require.NoError(t, err)
	_, err = m.Score(judges.Mean, judges.Mean)
	require.ErrorIs(t, err, judges.ErrUndefined, "nothing is left to compare")
	for _, expected := range []string{``, `5`, `[1]`, `{"a":1,"a":2}`} {
		_, err = judges.JSONKeys(`{}`, expected)
		require.Error(t, err)
		require.NotErrorIs(t, err, judges.ErrUndefined)
	}
}

func TestToolCalls(t *testing.T) {
	t.Parallel()
	paris := judges.ToolCall{Name: "weather", Args: `{"city":"Paris","days":2}`}
	again := judges.ToolCall{Name: "weather", Args: `{ "days": 2.0, "city": "Paris" }`}
	rome := judges.ToolCall{Name: "weather", Args: `{"city":"Rome"}`}
	require.Equal(t, 1.0, judges.ToolF1([]judges.ToolCall{paris, again}, []judges.ToolCall{again}).F1)
	require.Equal(t, judges.Overlap{Precision: 0.5, Recall: 1, F1: 2. / 3}, judges.ToolF1([]judges.ToolCall{rome, paris}, []judges.ToolCall{paris}))
	require.Equal(t, 1.0, judges.ToolF1(nil, nil).F1)
	require.Zero(t, judges.ToolF1(nil, []judges.ToolCall{rome}))
	require.Equal(t, 1.0, judges.ToolF1([]judges.ToolCall{{Name: "now", Args: "{}"}}, []judges.ToolCall{{Name: "now"}}).F1)
	require.Zero(t, judges.ToolF1([]judges.ToolCall{{Name: "now", Args: "{}"}}, []judges.ToolCall{{Name: "now", Args: "oops"}}))

	require.Equal(t, 0.5, judges.ToolRecall([]judges.ToolCall{rome}, []judges.ToolCall{paris, paris}), "twice is twice")
	require.Equal(t, 1.0, judges.ToolRecall([]judges.ToolCall{rome, {Name: "other"}}, []judges.ToolCall{paris}))
	require.Equal(t, 1.0, judges.ToolRecall(nil, nil))
	require.Zero(t, judges.ToolRecall(nil, []judges.ToolCall{paris}))

	abc := []string{"a", "b", "c"}
	require.Equal(t, 1.0, judges.Trajectory(abc, abc, judges.ExactOrder))
	require.Zero(t, judges.Trajectory([]string{"a", "c", "b"}, abc, judges.ExactOrder))
	require.InDelta(t, 2./3, judges.Trajectory([]string{"a", "c", "b"}, abc, judges.InOrder), 1e-12)
	require.Equal(t, 1.0, judges.Trajectory([]string{"c", "b", "a", "a"}, abc, judges.AnyOrder))
	require.InDelta(t, 2./3, judges.Trajectory([]string{"a", "b"}, []string{"a", "a", "b"}, judges.AnyOrder), 1e-12)
	for _, order := range []judges.Order{judges.InOrder, judges.ExactOrder, judges.AnyOrder} {
		require.Equal(t, 1.0, judges.Trajectory(nil, []string{}, order))
	}
}

func TestRanking(t *testing.T) {
	t.Parallel()
	r := judges.Ranking{"x", "a", "a", "b", "y"}
	relevant := []string{"a", "b", "c", "a"}
	value := func(f float64, err error) float64 {
		require.NoError(t, err)
		return f
	}
	require.Equal(t, 0.4, value(r.Precision(relevant, 0)), "a document that is repeated counts once")
	require.Equal(t, 0.5, value(r.Precision(relevant, 2)))
	require.Equal(t, 0.2, value(r.Precision(relevant, 10)), "places that it does not have are no hits")
	require.InDelta(t, 2./3, value(r.Recall(relevant, 0)), 1e-12)
	require.InDelta(t, 1./3, value(r.Recall(relevant, 3)), 1e-12)
	require.Equal(t, 0.5, value(r.ReciprocalRank(relevant)))
	require.Zero(t, value(judges.Ranking{"x"}.ReciprocalRank(relevant)))
	require.Zero(t, value(judges.Ranking{}.Recall(relevant, 0)))

	// Järvelin and Kekäläinen's own example has the gains 3, 2, 3, 0, 1, 2; log2(place + 1) discounts them.
	graded := judges.Ranking{"d1", "d2", "d3", "d4", "d5", "d6"}
	gains := map[string]float64{"d1": 3, "d2": 2, "d3": 3, "d5": 1, "d6": 2}
	require.InDelta(t, 0.9608081943360616, value(graded.NDCG(gains, 0)), 1e-12)
	require.Equal(t, 1.0, value(judges.Ranking{"d1", "d3", "d2", "d6", "d5"}.NDCG(gains, 0)))
	require.Less(t, value(judges.Ranking{"d1", "d1"}.NDCG(gains, 2)), 1.0)
	require.InDelta(t, value(graded.NDCG(gains, 3)), value(graded[:3].NDCG(gains, 3)), 1e-12)
	huge := map[string]float64{"d1": math.MaxFloat64, "d2": math.MaxFloat64}
	require.Equal(t, 1.0, value(graded.NDCG(huge, 0)))

	for _, f := range []func() (float64, error){
		func() (float64, error) { return judges.Ranking{}.Precision(relevant, 0) },
		func() (float64, error) { return r.Recall(nil, 0) },
		func() (float64, error) { return r.ReciprocalRank(nil) },
		func() (float64, error) { return r.NDCG(map[string]float64{"a": 0}, 0) },
		func() (float64, error) { return judges.AveragePrecision(nil) },
		func() (float64, error) { return judges.ContextRelevancy("", []string{"a"}) },
		func() (float64, error) { return judges.FBeta(1, 0, 0, 0) },
	} {
		got, err := f()
		require.ErrorIs(t, err, judges.ErrUndefined)
		require.Zero(t, got)
	}
	for _, f := range []func() (float64, error){
		func() (float64, error) { return r.Precision(relevant, -1) },
		func() (float64, error) { return r.NDCG(map[string]float64{"a": -1, "b": 2}, 0) },
		func() (float64, error) { return r.NDCG(map[string]float64{"a": math.NaN()}, 0) },
		func() (float64, error) { return r.NDCG(map[string]float64{"a": math.Inf(1)}, 0) },
		func() (float64, error) { return judges.FBeta(0, 1, 1, 1) },
		func() (float64, error) { return judges.FBeta(1, math.NaN(), 1, 1) },
		func() (float64, error) { return judges.FBeta(1, -1, 1, 1) },
	} {
		_, err := f()
		var invalid *scoring.InvalidError
		require.ErrorAs(t, err, &invalid)
	}
	require.Zero(t, value(judges.AveragePrecision([]bool{false, false})))
	require.Equal(t, 0.5, value(judges.ContextRelevancy("日本", []string{"日"})))
	require.InDelta(t, 5*.5*.25/(4*.5+.25), value(judges.FBeta(2, 1, 1, 3)), 1e-12)
}

func TestRankingBounds(t *testing.T) {
	t.Parallel()
	document := rapid.StringMatching(`[a-e]`)
	rapid.Check(t, func(t *rapid.T) {
		r := judges.Ranking(rapid.SliceOfN(document, 0, 8).Draw(t, "ranking"))
		relevant := rapid.SliceOfN(document, 0, 5).Draw(t, "relevant")
		gains := rapid.MapOf(document, rapid.Float64Range(0, 1e300)).Draw(t, "gains")
		k := rapid.IntRange(0, 9).Draw(t, "k")
		for _, f := range []func() (float64, error){
			func() (float64, error) { return r.Precision(relevant, k) },
			func() (float64, error) { return r.Recall(relevant, k) },
			func() (float64, error) { return r.ReciprocalRank(relevant) },
			func() (float64, error) { return r.NDCG(gains, k) },
		} {
			if got, err := f(); err == nil {
				require.True(t, got >= 0 && got <= 1, got)
			} else {
				require.ErrorIs(t, err, judges.ErrUndefined)
			}
		}
	})
}

func TestReducers(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	all := map[string]judges.Reducer{
		"mean": judges.Mean, "median": judges.Median, "mode": judges.Mode, "majority": judges.Majority, "min": judges.Min, "max": judges.Max,
		"every": judges.Every, "at least": judges.AtLeast(1, 0.5), "pass@": judges.PassAt(1, 0.5), "pass^": judges.PassAll(1, 0.5),
	}
	for name, r := range all {
		for _, values := range [][]float64{nil, {nan}, {nan, nan}} {
			got, err := r(values)
			require.ErrorIs(t, err, judges.ErrUndefined, name)
			require.Zero(t, got)
		}
		_, err := r([]float64{1, math.Inf(-1)})
		require.Error(t, err, name)
		got, err := r([]float64{nan, 1, nan})
		require.NoError(t, err)
		require.Equal(t, 1.0, got, name)
	}
	for _, c := range []struct {
		reducer judges.Reducer
		values  []float64
		want    float64
	}{
		{judges.Median, []float64{3, 1, 2}, 2},
		{judges.Median, []float64{4, 1, 2, 3}, 2.5},
		{judges.Median, []float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
		{judges.Mean, []float64{math.MaxFloat64, math.MaxFloat64}, math.MaxFloat64},
		{judges.Mode, []float64{2, 1, 2, math.Copysign(0, -1), 0, 0}, 0},
		{judges.Majority, []float64{1, 0, 1}, 1},
		{judges.Every, []float64{1, 0.5, 1}, 0},
		{judges.AtLeast(3, 1), []float64{1, 1}, 0},
		{judges.PassAt(3, 1), []float64{0, 0, 1}, 1},
		{judges.PassAt(2, 1), []float64{0, 0, 0, 0}, 0},
		{judges.PassAll(2, 1), []float64{1, 0}, 0},
	} {
		got, err := c.reducer(c.values)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c.values)
	}
	for _, r := range []struct {
		reducer judges.Reducer
		values  []float64
	}{
		{judges.Mode, []float64{1, 0, 1, 0, 2}}, {judges.Majority, []float64{1, 0, 1, 0}}, {judges.Majority, []float64{1, 2, 3}},
		{judges.PassAt(3, 1), []float64{1, 1}}, {judges.PassAll(3, 1), []float64{1, 1}},
	} {
		_, err := r.reducer(r.values)
		require.ErrorIs(t, err, judges.ErrUndefined, r.values)
	}
	_, err := judges.PassAt(0, 1)([]float64{1})
	require.ErrorContains(t, err, "k must be positive")
	values := judges.Values([]judges.Verdict{judges.Bool(true, ""), judges.Declined(judges.Refused, ""), judges.Number(0.25, ""), judges.Failed("j", "", ""), {}})
	require.Equal(t, []float64{1, 0.25}, values)
}

// TestReducersByCounting compares pass@k with all the ways to draw k of n values, and checks that the order means nothing.
func TestReducersByCounting(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.SampledFrom([]float64{0, 0.5, 1}), 1, 8).Draw(t, "values")
		k := rapid.IntRange(1, len(values)).Draw(t, "k")
		draws, some, every := 0.0, 0.0, 0.0
		for subset := range 1 << len(values) {
			passed, drawn := 0, 0
			for i, v := range values {
				if subset>>i&1 == 1 {
					drawn++
					if v >= 0.5 {
						passed++
					}
				}
			}
			if drawn != k {
				continue
			}
			draws++
			if passed > 0 {
				some++
			}
			if passed == k {
				every++
			}
		}
		got, err := judges.PassAt(k, 0.5)(values)
		require.NoError(t, err)
		require.InDelta(t, some/draws, got, 1e-12)
		got, err = judges.PassAll(k, 0.5)(values)
		require.NoError(t, err)
		require.InDelta(t, every/draws, got, 1e-12)
		shuffled := rapid.Permutation(values).Draw(t, "shuffled")
		for _, r := range []judges.Reducer{judges.Mean, judges.Median, judges.Mode, judges.Majority} {
			a, errA := r(values)
			b, errB := r(shuffled)
			require.Equal(t, a, b)
			require.Equal(t, errA == nil, errB == nil)
		}
	})
}

func TestConfusion(t *testing.T) {
	t.Parallel()
	_, err := judges.Classify([]string{"a"}, nil)
	require.Error(t, err)
	empty, err := judges.Classify(nil, nil)
	require.NoError(t, err)
	_, err = empty.Accuracy()
	require.ErrorIs(t, err, judges.ErrUndefined)
	_, err = empty.Scores(1, judges.Macro)
	require.ErrorIs(t, err, judges.ErrUndefined)
	_, err = empty.Of("a").Sensitivity()
	require.ErrorIs(t, err, judges.ErrUndefined)
	for _, n := range []float64{-1, math.NaN(), math.Inf(1)} {
		require.Error(t, empty.Add("a", "b", n))
	}

	label := rapid.SampledFrom([]string{"a", "b", "c"})
	rapid.Check(t, func(t *rapid.T) {
		outputs := rapid.SliceOfN(label, 1, 12).Draw(t, "outputs")
		expected := rapid.SliceOfN(label, len(outputs), len(outputs)).Draw(t, "expected")
		c, err := judges.Classify(outputs, expected)
		require.NoError(t, err)
		accuracy, err := c.Accuracy()
		require.NoError(t, err)
		for _, average := range []judges.Average{judges.Macro, judges.Weighted, judges.Micro} {
			s, err := c.Scores(2, average)
			require.NoError(t, err)
			for _, f := range []float64{s.Precision, s.Recall, s.F1} {
				require.True(t, f >= 0 && f <= 1)
			}
			switch average {
			case judges.Micro: // one label an item: they are all the accuracy
				require.InDelta(t, accuracy, s.Precision, 1e-12)
				require.InDelta(t, accuracy, s.F1, 1e-12)
			case judges.Weighted:
				require.InDelta(t, accuracy, s.Recall, 1e-12)
			}
		}
		self, err := judges.Classify(outputs, outputs)
		require.NoError(t, err)
		s, err := self.Scores(1, judges.Macro)
		require.NoError(t, err)
		require.InDelta(t, 1, s.F1, 1e-12)
	})
}

func TestNumericWithin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		output, expected, absolute, relative float64
		want                                 bool
	}{
		{1, 1, 0, 0, true}, {1.5, 1, 0.5, 0, true}, {1.6, 1, 0.5, 0, false}, {110, 100, 0, 0.1, true}, {110, 100, 1, 0.1, true},
		{0.001, 0, 0, 0.5, false}, {-110, -100, 0, 0.1, true}, {math.MaxFloat64, -math.MaxFloat64, 1e300, 0, false},
	} {
		got, err := judges.NumericWithin(c.output, c.expected, c.absolute, c.relative)
		require.NoError(t, err)
		require.Equal(t, c.want, got, c)
	}
	for _, bad := range [][4]float64{{math.NaN(), 1, 1, 1}, {1, math.Inf(1), 1, 1}, {1, 1, -1, 0}, {1, 1, 0, math.NaN()}} {
		_, err := judges.NumericWithin(bad[0], bad[1], bad[2], bad[3])
		require.Error(t, err)
	}
}

type vectors map[string][]float32

func (v vectors) Embed(_ context.Context, texts []string) (all [][]float32, err error) {
	for _, text := range texts {
		if text == "down" {
			return nil, &judges.Error{Class: judges.Unavailable, Err: errors.New("down")}
		}
		if vector, ok := v[text]; ok {
			all = append(all, vector)
		}
	}
	return all, nil
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	e := vectors{"cat": {1, 0}, "kitten": {0.8, 0.6}, "sky": {0, 1}, "anti": {-1, 0}, "zero": {0, 0}, "long": {1, 0, 0}}
	j, err := judges.OfEmbeddings(judges.ID{Name: "meaning", Version: "m1"}, e, 0.6)
	require.NoError(t, err)
	judge := func(output string, expected ...string) (judges.Verdict, error) {
		return j.Judge(t.Context(), judges.Sample{Output: output, Expected: expected})
	}
	v, err := judge("cat", "sky", "kitten")
	require.NoError(t, err)
	f, _ := v.Value.Float()
	require.InDelta(t, 0.5, f, 1e-6)
	v, err = judge("cat", "anti")
	require.NoError(t, err)
	f, _ = v.Value.Float()
	require.Zero(t, f)
	v, err = judge("cat")
	require.NoError(t, err)
	require.Equal(t, judges.NoReference, v.Cause)
	for output, class := range map[string]judges.Class{"zero": judges.Protocol, "long": judges.Protocol, "unknown": judges.Protocol, "down": judges.Unavailable} {
		_, err = judge(output, "cat")
		var failure *judges.Error
		require.ErrorAs(t, err, &failure, output)
		require.Equal(t, class, failure.Class)
	}
	_, err = judges.OfEmbeddings(judges.ID{Name: "meaning", Version: "m1"}, e, 1)
	require.Error(t, err)
	_, err = judges.OfEmbeddings(judges.ID{Name: "meaning", Version: "m1"}, nil, 0)
	require.Error(t, err)

	for _, pair := range [][2][]float64{{{1}, {1, 2}}, {{}, {}}, {{0}, {1}}, {{math.NaN()}, {1}}, {{1}, {math.Inf(1)}}} {
		_, err := judges.Cosine(pair[0], pair[1])
		require.Error(t, err, pair)
	}
	cosine, err := judges.Cosine([]float64{math.MaxFloat64, math.MaxFloat64}, []float64{5e-324, 5e-324})
	require.NoError(t, err)
	require.InDelta(t, 1, cosine, 1e-12)
	for _, bad := range [][2]float64{{1.1, 0}, {math.NaN(), 0}, {0.5, 1}, {0.5, math.NaN()}} {
		_, err := judges.ScaleCosine(bad[0], bad[1])
		require.Error(t, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		vector := rapid.SliceOfN(rapid.Float64(), 3, 3)
		a, b := vector.Draw(t, "a"), vector.Draw(t, "b")
		ab, err := judges.Cosine(a, b)
		if err != nil {
			return
		}
		ba, err := judges.Cosine(b, a)
		require.NoError(t, err)
		require.Equal(t, ab, ba)
		require.True(t, ab >= -1 && ab <= 1)
		aa, err := judges.Cosine(a, a)
		require.NoError(t, err)
		require.InDelta(t, 1, aa, 1e-12)
	})
}

func TestWeightedScore(t *testing.T) {
	t.Parallel()
	scale := judges.Scale{Min: 1, Max: 5}
	top := []judges.TokenProb{{Token: "4", LogProb: math.Log(0.5)}, {Token: " 5", LogProb: math.Log(0.25)}, {Token: "9", LogProb: math.Log(0.2)}, {Token: "3", LogProb: math.Log(0.005)}, {Token: "1", LogProb: math.NaN()}}
	score, method, err := judges.WeightedScore(4, scale, []judges.Token{{Token: "5"}, {Token: " 4", Top: top}})
	require.NoError(t, err)
	require.InDelta(t, (4*0.5+5*0.25)/0.75, score, 1e-12)
	require.Equal(t, judges.ByProbability, method)
	score, method, err = judges.WeightedScore(4, scale, nil)
	require.NoError(t, err)
	require.Equal(t, 4.0, score)
	require.Equal(t, judges.AsGiven, method)
	for _, grade := range []float64{0, 6, 2.5, math.NaN()} {
		_, _, err := judges.WeightedScore(grade, scale, nil)
		require.Error(t, err)
	}
}

func TestReadText(t *testing.T) {
	t.Parallel()
	r := judges.Rubric{Name: "r", Instructions: "Grade.", Choices: map[string]float64{"correct": 1, "partly correct": 0.5, "wrong": 0, "wrong but kind": 0.1}}
	for reply, want := range map[string]string{
		"GRADE: correct":                              "correct",
		"**Grade:** Partly correct.":                  "partly correct",
		"grade : \"wrong\"":                           "wrong",
		"GRADE: wrong but kind":                       "wrong but kind",
		"GRADE: wrong\nGRADE: correct\n":              "correct",
		"GRADE: correct, because it says so":          "correct",
		"Ｇ GRADE：[correct]":                           "correct",
		"G\u200bRADE:\u200e cor\u00adrect":            "correct",
		"GRADE: correctly, no":                        "",
		"GRADE: correct/wrong":                        "",
		"GRADE: correct | wrong":                      "",
		"GRADE: correct\nGRADE:":                      "",
		"GRADE:\ncorrect":                             "correct",
		"The upgrade: correct":                        "",
		"no_grade: correct":                           "",
		"":                                            "",
		"GRADE: correct. Then I changed it. GRADE: ?": "",
	} {
		v := r.ReadText(reply)
		require.Equal(t, want, v.Label, reply)
		if want == "" {
			require.Equal(t, scoring.Declined, v.State, reply)
			require.False(t, v.Value.IsSet())
			continue
		}
		f, _ := v.Value.Float()
		require.Equal(t, r.Choices[want], f)
	}
	cases := judges.Rubric{Name: "r", Instructions: "Grade.", Choices: map[string]float64{"c": 0, "C": 1}}
	require.Equal(t, "C", cases.ReadText("GRADE: C").Label)
	require.Equal(t, "c", cases.ReadText("GRADE: c").Label)

	number := judges.Rubric{Name: "r", Instructions: "Rate.", Scale: judges.Scale{Min: 1, Max: 5}}
	for reply, want := range map[string]float64{"GRADE: 4": 4, "GRADE: **4.5**": 4.5, "Grade: 2. It is bad.": 2} {
		f, ok := number.ReadText(reply).Value.Float()
		require.True(t, ok, reply)
		require.Equal(t, want, f)
	}
	for _, reply := range []string{"GRADE: 6", "GRADE: 0", "GRADE: 4/5", "GRADE: four", "GRADE: 50%", "GRADE:", strings.Repeat("x", 10)} {
		require.Equal(t, scoring.Declined, number.ReadText(reply).State, reply)
	}
}

func TestOfOutput(t *testing.T) {
	t.Parallel()
	j, err := judges.OfOutput(judges.ID{Name: "json", Version: "1"}, judges.ValidJSON)
	require.NoError(t, err)
	v, err := j.Judge(t.Context(), judges.Sample{Output: "{}"})
	require.NoError(t, err)
	f, ok := v.Value.Float()
	require.True(t, ok)
	require.Equal(t, 1.0, f)
	bad, err := judges.OfOutput(judges.ID{Name: "bad", Version: "1"}, func(string) float64 { return math.NaN() })
	require.NoError(t, err)
	_, err = bad.Judge(t.Context(), judges.Sample{})
	require.Error(t, err, "NaN is no score")
	_, err = judges.OfOutput[bool](judges.ID{Name: "json", Version: "1"}, nil)
	require.Error(t, err)
	_, err = judges.OfOutput(judges.ID{}, judges.ValidJSON)
	require.Error(t, err)
}
