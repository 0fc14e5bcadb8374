package history

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// Text finds a text in a run. It returns [Declined] where the run does not have it.
type Text func(r *Run) (string, error)

// ResultOf is the result of the last activity of a type that completed. path leads to a member of a JSON result, as
// "choices.0.message.content" does; empty: all of it. A string is its text, anything else is JSON.
func ResultOf(activityType, path string) Text {
	return func(r *Run) (string, error) {
		s := r.Last(activityType)
		if s == nil {
			return "", Declined("no %s completed", activityType)
		}
		return s.Result.text(0, path, activityType+"'s result")
	}
}

// InputOf is an argument, from 0, of the last activity of a type that completed.
func InputOf(activityType string, argument int, path string) Text {
	return func(r *Run) (string, error) {
		s := r.Last(activityType)
		if s == nil {
			return "", Declined("no %s completed", activityType)
		}
		return s.Input.text(argument, path, fmt.Sprintf("%s's argument %d", activityType, argument))
	}
}

// AllResultsOf are the results of every activity of a type that completed, one after the other with an empty line between.
func AllResultsOf(activityType, path string) Text {
	return func(r *Run) (string, error) {
		var all []string
		for s := range r.Called(activityType) {
			if s.Status != Completed {
				continue
			}
			text, err := s.Result.text(0, path, activityType+"'s result")
			if err != nil {
				return "", err
			}
			all = append(all, text)
		}
		if len(all) == 0 {
			return "", Declined("no %s completed", activityType)
		}
		return strings.Join(all, "\n\n"), nil
	}
}

// RunInput is an argument, from 0, of the run.
func RunInput(argument int, path string) Text {
	return func(r *Run) (string, error) {
		return r.Input.text(argument, path, fmt.Sprintf("argument %d", argument))
	}
}

// RunResult is the run's result.
func RunResult(path string) Text {
	return func(r *Run) (string, error) {
		if r.Status != scoring.RunCompleted {
			return "", Declined("the run is %s", r.Status)
		}
		return r.Result.text(0, path, "the result")
	}
}

// text is value i, or the member at a path in it. what names it in errors.
func (v Values) text(i int, path, what string) (string, error) {
	data, err := v.JSON(i)
	switch {
	case errors.Is(err, ErrNoValue), errors.Is(err, ErrOmitted):
		return "", Declined("%s: %s", what, err)
	case err != nil:
		texts := v.Texts()
		if path == "" && i < len(texts) {
			return texts[i], nil
		}
		return "", Declined("%s: %s", what, err)
	}
	var value any
	if err := decode(data, &value); err != nil {
		return "", Declined("%s: %s", what, err)
	}
	for name := range strings.SplitSeq(path, ".") {
		if path == "" {
			break
		}
		switch x := value.(type) {
		case map[string]any:
			value = x[name]
		case []any:
			value = nil
			if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(x) {
				value = x[n]
			}
		default:
			value = nil
		}
		if value == nil {
			return "", Declined("%s has nothing at %s", what, path)
		}
	}
	if s, ok := value.(string); ok {
		return s, nil
	}
	data, err = jsonOf(value)
	return string(data), err
}

// Sample says where the parts of a judge's sample are in a run.
type Sample struct {
	// Output is the text to judge. Required.
	Output Text
	// Input is the question. Nil: none.
	Input Text
	// Expected are acceptable answers.
	Expected []Text
	// Context is further material by name, such as the passages that an answer was drawn from.
	Context map[string]Text
}

// Of makes the sample of a run.
func (s Sample) Of(r *Run) (judges.Sample, error) {
	if s.Output == nil {
		return judges.Sample{}, scoring.Invalid("sample", "it has no output to judge")
	}
	var out judges.Sample
	var err error
	if out.Output, err = s.Output(r); err != nil {
		return judges.Sample{}, err
	}
	if s.Input != nil {
		if out.Input, err = s.Input(r); err != nil {
			return judges.Sample{}, err
		}
	}
	for _, text := range s.Expected {
		expected, err := text(r)
		if err != nil {
			return judges.Sample{}, err
		}
		out.Expected = append(out.Expected, expected)
	}
	for name, text := range s.Context {
		if out.Context == nil {
			out.Context = map[string]string{}
		}
		if out.Context[name], err = text(r); err != nil {
			return judges.Sample{}, err
		}
	}
	return out, nil
}

// Judged makes a scorer of a judge, which looks at the parts of a run that sample names: an answer against the passages that an earlier
// step retrieved, for example. The scores are the same as of a judge that a workflow asks: their key is the judge's identity, so a
// run that its own code had judged is not judged again.
func Judged(name string, judge judges.Judge, sample Sample) Scorer {
	id := judge.ID()
	return Scorer{Name: name, Version: id.Version, Key: id.String(), Score: func(ctx context.Context, r *Run) ([]Scored, error) {
		s, err := sample.Of(r)
		if err != nil {
			return nil, err
		}
		v, err := judge.Judge(ctx, s)
		if err != nil {
			return nil, err
		}
		return []Scored{{Score: v.Score(name), Usage: used(v.Usage)}}, nil
	}}
}

// used is what a judge used. One that uses no tokens costs nothing.
func used(u judges.Usage) []Usage {
	if u.Prompt+u.Completion == 0 {
		return nil
	}
	return []Usage{{Model: u.Model, Input: int64(max(u.Prompt-u.Cached, 0)), Cached: int64(u.Cached), Output: int64(u.Completion)}}
}

// JudgedSteps is [Judged] for each activity of a type that completed: the scores are about the steps. sample gets the step.
func JudgedSteps(name string, judge judges.Judge, activityType string, sample func(r *Run, s *Step) (judges.Sample, error)) Scorer {
	id := judge.ID()
	return Scorer{Name: name, Version: id.Version, Key: id.String(), Score: func(ctx context.Context, r *Run) ([]Scored, error) {
		var all []Scored
		for step := range r.Called(activityType) {
			if step.Status != Completed {
				continue
			}
			s, err := sample(r, step)
			var declined *DeclinedError
			if errors.As(err, &declined) {
				score := scoring.Decline(name, declined.Reason)
				score.Key = id.String()
				all = append(all, step.About(score))
				continue
			}
			if err != nil {
				return nil, err
			}
			v, err := judge.Judge(ctx, s)
			if err != nil {
				return all, err
			}
			one := step.About(v.Score(name))
			one.Usage = used(v.Usage)
			all = append(all, one)
		}
		if len(all) == 0 {
			return nil, Declined("no %s completed", activityType)
		}
		return all, nil
	}}
}
