package judges_test

import (
	"context"
	"fmt"

	"github.com/verdict-dev/verdict/judges"
)

// Deterministic judges are plain functions; [judges.Of] makes a Judge of one, which takes the best of several acceptable
// answers and declines when there is none.
func ExampleOf() {
	fmt.Println(judges.Normalized("The answer: PARIS.", "answer paris"))

	j, err := judges.Of(judges.ID{Name: "likeness", Version: "1"}, judges.Levenshtein)
	if err != nil {
		panic(err)
	}
	for _, sample := range []judges.Sample{
		{Output: "colour", Expected: []string{"color", "colour"}},
		{Output: "colour"},
	} {
		v, err := j.Judge(context.Background(), sample)
		if err != nil {
			panic(err)
		}
		s := v.Score("spelling")
		fmt.Printf("%s %q %s %q\n", s.State, s.Value, s.Key, s.Reason)
	}
	// Output:
	// true
	// scored "1" likeness@1 ""
	// not_applicable "" likeness@1 "no_reference: there is no expected answer to compare with"
}

// A scripted judge stands in for a language model in tests.
func ExampleScripted() {
	j := judges.NewScripted("faithful",
		judges.Reply{Err: &judges.Error{Class: judges.RateLimited}},
		judges.Reply{Verdict: judges.Number(0.5, "one claim of two is supported")},
	)
	for range 2 {
		v, err := j.Judge(context.Background(), judges.Sample{Output: "the sea is blue and dry"})
		if _, retry := judges.Retry(err); retry {
			fmt.Println("again:", err)
			continue
		}
		fmt.Println(v.Value, v.Reason)
	}
	fmt.Println(len(j.Calls()), "calls")
	// Output:
	// again: judge: verdict.judge.RateLimited: no cause given
	// 0.5 one claim of two is supported
	// 2 calls
}
