package judgetest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"sync"

	"github.com/verdict-dev/verdict/judges"
)

// T is the part of *testing.T that the suite needs.
type T interface {
	Helper()
	Errorf(format string, args ...any)
}

// Run checks that a judge keeps the contract of [judges.Judge]: a constant and valid identity, a valid verdict that
// bears it and survives JSON, an untouched sample, obedience to the context, and safety for concurrent use (run it with
// the race detector). newJudge returns a fresh judge, always set up the same way, that can judge the sample.
func Run(t T, newJudge func() judges.Judge, sample judges.Sample) {
	t.Helper()
	identity(t, newJudge)
	verdict(t, newJudge(), sample)
	canceled(t, newJudge(), sample)
	concurrent(t, newJudge(), sample)
}

// RunFailing checks that a judge whose model is unreachable reports a [judges.Error], and no verdict.
func RunFailing(t T, newJudge func() judges.Judge, sample judges.Sample) {
	t.Helper()
	v, err := newJudge().Judge(context.Background(), sample)
	var failure *judges.Error
	if !errors.As(err, &failure) {
		t.Errorf("a judge whose model is unreachable returned the error %v, want a *judges.Error", err)
	} else if failure.Class == "" {
		t.Errorf("the error %v has no class", err)
	}
	if v != (judges.Verdict{}) {
		t.Errorf("a judge whose model is unreachable returned the verdict %+v", v)
	}
}

func identity(t T, newJudge func() judges.Judge) {
	t.Helper()
	first := newJudge()
	if err := first.ID().Validate(); err != nil {
		t.Errorf("the identity is not valid: %v", err)
	}
	if a, b := first.ID(), newJudge().ID(); a != b || a != first.ID() {
		t.Errorf("the identity is not constant: %v and %v", a, b)
	}
}

func verdict(t T, j judges.Judge, sample judges.Sample) {
	t.Helper()
	before, err := json.Marshal(sample)
	if err != nil {
		t.Errorf("the sample does not survive JSON: %v", err)
		return
	}
	v, err := j.Judge(context.Background(), sample)
	check(t, j, v, err)
	if err != nil {
		t.Errorf("the judge failed: %v", err)
		return
	}
	if after, _ := json.Marshal(sample); string(after) != string(before) {
		t.Errorf("the judge changed the sample from %s to %s", before, after)
	}
	if err := v.Score("conformance").Validate(); err != nil {
		t.Errorf("the score of the verdict is not valid: %v", err)
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Errorf("the verdict cannot be written as JSON: %v", err)
		return
	}
	var again judges.Verdict
	if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(again, v) {
		t.Errorf("the verdict does not survive JSON: %s (%v)", data, err)
	}
}

func canceled(t T, j judges.Judge, sample judges.Sample) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	v, err := j.Judge(ctx, sample)
	check(t, j, v, err)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("with a canceled context the judge returned the error %v, want one that wraps context.Canceled", err)
	}
}

func concurrent(t T, j judges.Judge, sample judges.Sample) {
	t.Helper()
	const callers = 16
	verdicts, errs := make([]judges.Verdict, callers), make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { verdicts[i], errs[i] = j.Judge(context.Background(), sample) })
	}
	wg.Wait()
	for i := range callers {
		check(t, j, verdicts[i], errs[i])
		if errs[i] != nil {
			t.Errorf("one of %d concurrent calls failed: %v", callers, errs[i])
		}
	}
}

// check holds a call to the contract: it returns either an error or a valid verdict.
func check(t T, j judges.Judge, v judges.Verdict, err error) {
	t.Helper()
	if err != nil {
		if v != (judges.Verdict{}) {
			t.Errorf("the judge returned the verdict %+v together with the error %v", v, err)
		}
		return
	}
	if v.Judge != j.ID() {
		t.Errorf("the verdict is of judge %v, not %v", v.Judge, j.ID())
	}
	if err := v.Validate(); err != nil {
		t.Errorf("the verdict is not valid: %v", err)
	}
}
