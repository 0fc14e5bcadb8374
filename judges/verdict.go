package judges

import (
	"strings"
	"unicode"

	"github.com/verdict-dev/verdict/scoring"
)

// Cause says why a judge declined. Causes are few and stable, so that they can be counted.
type Cause string

// The causes.
const (
	NoReference Cause = "no_reference" // the judge compares with an expected answer and there is none
	NoContext   Cause = "no_context"   // the judge compares with further material and there is none
	Unweighted  Cause = "unweighted"   // the grade was to be weighted by probabilities and there are none
	Abstained   Cause = "abstained"    // the judge said that it cannot tell
	Refused     Cause = "refused"      // the model refused to answer
	Filtered    Cause = "filtered"     // the provider's content filter withheld the question or the answer
	Truncated   Cause = "truncated"    // the answer was cut off at the token limit
	Malformed   Cause = "malformed"    // the answer does not have the form that was asked for
	OffMenu     Cause = "off_menu"     // the answer names a choice or a number that was not offered
	Canceled    Cause = "canceled"     // the caller was canceled before the answer came
)

// Verdict is a judge's answer. It is either scored, with a value, or it declines, with a cause. The zero Verdict is
// neither and is not valid: a forgotten verdict is not a 0.
type Verdict struct {
	// Judge is the identity of the judge.
	Judge ID `json:"judge"`
	// State is [scoring.Scored] or [scoring.Declined]; [scoring.Failed] where a workflow asked and there is no verdict.
	State scoring.State `json:"state"`
	// Value is set if and only if the verdict is scored.
	Value scoring.Value `json:"value"`
	// Method is how a grade on a scale was found. Empty where there is no scale, and in v0.1's verdicts.
	Method Method `json:"method,omitempty"`
	// Label is the choice that the value stands for, if the rubric has choices.
	Label string `json:"label,omitempty"`
	// Cause is set if and only if the judge declined, or failed and it is known why.
	Cause Cause `json:"cause,omitempty"`
	// Reason is the judge's rationale, or the cause of a failure in words. At most [scoring.MaxReason] bytes.
	Reason string `json:"reason,omitempty"`
	// Usage is the cost of the verdict. A declined one can have a cost too.
	Usage Usage `json:"usage,omitzero"`
}

// Usage is the cost of a call, as the language model reports it. The counts are tokens; 0 when the provider does not
// say.
type Usage struct {
	// Model is the model that answered. It can differ from the requested one.
	Model string `json:"model,omitempty"`
	// Fingerprint names the provider's configuration behind the model; a change of it can change answers.
	Fingerprint string `json:"fingerprint,omitempty"`
	// Prompt and Completion count the tokens read and written; Cached is the part of Prompt that was cached, Reasoning the
	// part of Completion that is not in the answer.
	Prompt     int `json:"prompt_tokens,omitempty"`
	Cached     int `json:"cached_tokens,omitempty"`
	Completion int `json:"completion_tokens,omitempty"`
	Reasoning  int `json:"reasoning_tokens,omitempty"`
}

// Number returns a verdict with a number. One that is not finite is found by [Verdict.Validate].
func Number(v float64, reason string) Verdict {
	return Verdict{State: scoring.Scored, Value: scoring.Number("", v).Value, Reason: tidy(reason)}
}

// Bool returns a verdict with a boolean.
func Bool(b bool, reason string) Verdict {
	return Verdict{State: scoring.Scored, Value: scoring.BoolValue(b), Reason: tidy(reason)}
}

// Declined returns a verdict without a value.
func Declined(cause Cause, reason string) Verdict {
	return Verdict{State: scoring.Declined, Cause: cause, Reason: tidy(reason)}
}

// Failed returns a placeholder for a verdict that a judge did not give: its state is [scoring.Failed] and it has no
// value. The cause is a [Class], [scoring.ErrorTypeInvalid], [Canceled], or empty if none of them fits. No judge
// returns it, and [Verdict.Validate] refuses it.
func Failed(judge string, cause Cause, reason string) Verdict {
	return Verdict{Judge: ID{Name: judge}, State: scoring.Failed, Cause: cause, Reason: tidy(reason)}
}

// Validate refuses a verdict without a judge, one that is neither scored nor declined, and one that is a bit of both.
func (v Verdict) Validate() error {
	if err := v.Judge.Validate(); err != nil {
		return err
	}
	switch v.State {
	case scoring.Scored:
		if v.Cause != "" {
			return scoring.Invalid("cause", "a verdict with a value has none, this has %q", v.Cause)
		}
	case scoring.Declined:
		if v.Cause == "" {
			return scoring.Invalid("cause", "a verdict that declines needs a reason")
		}
	default:
		return scoring.Invalid("state", "a verdict is scored or not_applicable, not %q", v.State)
	}
	return v.score("verdict").Validate()
}

// Score returns the verdict as a score named name whose key is the judge's identity. A verdict that is not valid
// becomes a score in the state [scoring.Failed], without a value.
func (v Verdict) Score(name string) scoring.Score {
	if v.State == scoring.Failed && !v.Value.IsSet() {
		failed := scoring.Fail(name, v.Reason)
		failed.Key = v.Judge.String()
		return failed
	}
	if err := v.Validate(); err != nil {
		return scoring.Fail(name, "the judge gave no valid verdict: "+err.Error())
	}
	return v.score(name)
}

func (v Verdict) score(name string) scoring.Score {
	s := scoring.Score{Name: name, State: v.State, Value: v.Value, Reason: v.Reason, Key: v.Judge.String()}
	if v.Cause != "" {
		s.Reason = tidy(string(v.Cause) + ": " + v.Reason)
	}
	return s
}

// tidy cuts a text that a model wrote to [scoring.MaxReason] bytes on a rune boundary and drops bytes that a store or a
// terminal would choke on: invalid UTF-8 and control characters other than newline and tab.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return scoring.Clip(s, scoring.MaxReason)
}
