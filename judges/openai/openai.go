// Package openai has a judge that asks a language model behind any server that speaks OpenAI's chat completions
// protocol.
package openai

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	openai "github.com/sashabaranov/go-openai"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/scoring"
)

// ResponseFormat is how the request asks for the form of the answer. In every format, an answer of another form is
// declined.
type ResponseFormat string

// The response formats.
const (
	// JSONSchema sends the schema and asks the server to enforce it. It is the default.
	JSONSchema ResponseFormat = "json_schema"
	// JSONObject asks for any JSON object, for servers that cannot enforce a schema; the prompt says which.
	JSONObject ResponseFormat = "json_object"
)

// DefaultTimeout is how long a call may take unless [Options] say otherwise.
const DefaultTimeout = 60 * time.Second

// mostLikely is how many tokens at each place are asked for: the most that servers give.
const mostLikely = 20

// Options set up a [Judge].
type Options struct {
	// Required.

	// Rubric gives the model its criteria.
	Rubric judges.Rubric
	// Model is the name of the model, as the server knows it.
	Model string

	// Optional.

	// BaseURL is the address of the server up to and including the version. Defaults to OpenAI's,
	// https://api.openai.com/v1.
	BaseURL string
	// APIKey is sent as a bearer token. Without one none is sent.
	APIKey string
	// HTTPClient makes the calls. It must not retry: retries are Temporal's. Defaults to http.DefaultClient.
	HTTPClient *http.Client
	// Timeout bounds one call. Defaults to [DefaultTimeout]. Keep it under the activity's StartToCloseTimeout.
	Timeout time.Duration
	// ResponseFormat defaults to [JSONSchema].
	ResponseFormat ResponseFormat
	// Temperature is left to the server when nil. Reasoning models refuse one.
	Temperature *float32
	// Seed is left to the server when nil.
	Seed *int
	// MaxTokens bounds the answer, reasoning included. Left to the server when 0. An answer that it cuts off is declined. It is sent
	// as max_completion_tokens, and as max_tokens to a server that refuses that name or does not heed it.
	MaxTokens int
	// Weighted makes a grade the mean of the grades that the model could have given, by their probabilities: see
	// [judges.WeightedScore]. The rubric needs a scale of whole numbers. A verdict of a server that gives no probabilities is declined
	// with [judges.Unweighted]: scores of two methods do not compare. Reasoning models give none.
	Weighted bool
}

// settings are the options, other than rubric and model, that can change an answer. They are hashed into the judge's
// version, so a new field is omitted while it is unset.
type settings struct {
	ResponseFormat ResponseFormat `json:"response_format"`
	Temperature    *float32       `json:"temperature,omitempty"`
	Seed           *int           `json:"seed,omitempty"`
	MaxTokens      int            `json:"max_tokens,omitempty"`
	Weighted       bool           `json:"weighted,omitempty"`
}

// Judge asks a language model. It makes one request a call, and one more where the server refuses the first for the name of a parameter.
type Judge struct {
	id      judges.ID
	rubric  judges.Rubric
	client  *openai.Client
	timeout time.Duration
	request openai.ChatCompletionRequest
	old     atomic.Bool // the server knows max_tokens alone
}

var _ judges.Judge = (*Judge)(nil)

// New returns a judge. It refuses an invalid rubric, a missing model, an address that is not an absolute http or https
// URL, and parameters that the model is known not to take. It makes no call.
func New(o Options) (*Judge, error) {
	// The caller may change its rubric later; this judge and its version must not.
	o.Rubric.Choices, o.Rubric.Anchors = maps.Clone(o.Rubric.Choices), maps.Clone(o.Rubric.Anchors)
	if o.Seed != nil {
		o.Seed = new(*o.Seed)
	}
	if o.ResponseFormat == "" {
		o.ResponseFormat = JSONSchema
	}
	request, err := o.request()
	if err != nil {
		return nil, err
	}
	id, err := o.Rubric.ID(o.Model, settings{o.ResponseFormat, o.Temperature, o.Seed, o.MaxTokens, o.Weighted})
	if err != nil {
		return nil, err
	}
	config := openai.DefaultConfig(o.APIKey)
	if o.BaseURL != "" {
		u, err := url.Parse(o.BaseURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			// The address is not repeated: it could hold a password.
			return nil, scoring.Invalid("base URL", "not an absolute http or https URL")
		}
		if u.RawQuery != "" || u.ForceQuery || strings.Contains(o.BaseURL, "#") {
			return nil, scoring.Invalid("base URL", "has a query or a fragment: the path of a call would become a part of it")
		}
		config.BaseURL = o.BaseURL
	}
	client := o.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	config.HTTPClient = wire{client}
	if o.Timeout < 0 {
		return nil, scoring.Invalid("timeout", "%s is negative", o.Timeout)
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Judge{id: id, rubric: o.Rubric, client: openai.NewClientWithConfig(config), timeout: timeout, request: request}, nil
}

// request returns the part of the request that is the same for every sample.
func (o Options) request() (openai.ChatCompletionRequest, error) {
	var none openai.ChatCompletionRequest
	if err := o.Rubric.Validate(); err != nil {
		return none, err
	}
	if err := scoring.CheckName("model", o.Model); err != nil {
		return none, err
	}
	if o.MaxTokens < 0 {
		return none, scoring.Invalid("max tokens", "%d is negative", o.MaxTokens)
	}
	request := openai.ChatCompletionRequest{Model: o.Model, MaxCompletionTokens: o.MaxTokens, Seed: o.Seed}
	if t := o.Temperature; t != nil {
		if !(*t >= 0 && *t <= 2) {
			return none, scoring.Invalid("temperature", "%v is not in [0, 2]", *t)
		}
		// The client leaves out a 0, and the server would take its default, 1.
		request.Temperature = max(*t, math.SmallestNonzeroFloat32)
	}
	if o.Weighted {
		if scale := o.Rubric.Scale; scale == (judges.Scale{}) || scale.Min != math.Trunc(scale.Min) || scale.Max != math.Trunc(scale.Max) {
			return none, scoring.Invalid("weighted", "the rubric has no scale of whole numbers")
		}
		request.LogProbs, request.TopLogProbs = true, mostLikely
	}
	switch o.ResponseFormat {
	case JSONSchema:
		request.ResponseFormat = &openai.ChatCompletionResponseFormat{
			Type: openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{
				Name: "verdict", Schema: o.Rubric.Schema(), Strict: true,
			},
		}
	case JSONObject:
		request.ResponseFormat = &openai.ChatCompletionResponseFormat{Type: openai.ChatCompletionResponseFormatTypeJSONObject}
	default:
		return none, scoring.Invalid("response format", "%q is not json_schema or json_object", o.ResponseFormat)
	}
	if err := openai.NewReasoningValidator().Validate(request); err != nil {
		return none, scoring.Invalid("model", "%s: %v", o.Model, err)
	}
	return request, nil
}

// ID returns the judge's identity. Its version is a hash over rubric, schema, prompt, model and parameters.
func (j *Judge) ID() judges.ID { return j.id }

// Judge asks the model once.
func (j *Judge) Judge(ctx context.Context, s judges.Sample) (judges.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return judges.Verdict{}, err
	}
	system, user, err := j.rubric.Prompt(judges.NewKey(), s)
	if err != nil {
		return judges.Verdict{}, err
	}
	v, lacking := j.rubric.Lacks(s)
	if !lacking {
		if v, err = j.ask(ctx, system, user); err != nil {
			return judges.Verdict{}, err
		}
	}
	v.Judge = j.id
	return v, nil
}

func (j *Judge) ask(ctx context.Context, system, user string) (judges.Verdict, error) {
	call, cancel := context.WithTimeout(ctx, j.timeout)
	defer cancel()
	request := j.request
	request.Messages = []openai.ChatCompletionMessage{
		{Role: openai.ChatMessageRoleSystem, Content: system},
		{Role: openai.ChatMessageRoleUser, Content: user},
	}
	response, err := j.complete(call, request)
	if err != nil && ctx.Err() != nil {
		return judges.Verdict{}, fmt.Errorf("judge: %w", ctx.Err())
	}
	if err != nil {
		return failure(err)
	}
	v, err := j.read(response)
	v.Usage = usage(response)
	return v, err
}

// complete makes the call, with the name that the server has for the limit of the answer. It learns the name from a refusal, which costs
// nothing, or from an answer beyond the limit.
func (j *Judge) complete(ctx context.Context, request openai.ChatCompletionRequest) (openai.ChatCompletionResponse, error) {
	limit := request.MaxCompletionTokens
	for {
		if request.MaxCompletionTokens > 0 && j.old.Load() {
			//lint:ignore SA1019 older servers know no other
			request.MaxCompletionTokens, request.MaxTokens = 0, limit
		}
		response, err := j.client.CreateChatCompletion(ctx, request)
		var answer *answerError
		switch {
		case request.MaxCompletionTokens == 0:
			return response, err
		case errors.As(err, &answer) && answer.about("max_completion_tokens"):
			j.old.Store(true)
			continue
		case err == nil && response.Usage.CompletionTokens > limit:
			j.old.Store(true)
		}
		return response, err
	}
}

// read turns a response into a verdict. Whether the model answered, refused or was cut off, that is a verdict; a
// response without a completion is a failure of the server.
func (j *Judge) read(response openai.ChatCompletionResponse) (judges.Verdict, error) {
	if len(response.Choices) == 0 {
		return judges.Verdict{}, &judges.Error{Class: judges.Protocol, Err: errNoChoices}
	}
	choice := response.Choices[0]
	switch {
	case choice.Message.Refusal != "":
		return judges.Declined(judges.Refused, choice.Message.Refusal), nil
	case choice.FinishReason == openai.FinishReasonContentFilter:
		return judges.Declined(judges.Filtered, "the content filter withheld the answer"), nil
	case choice.FinishReason == openai.FinishReasonLength:
		return judges.Declined(judges.Truncated, "the answer was cut off at the token limit"), nil
	}
	v := j.rubric.Read(choice.Message.Content)
	if j.request.LogProbs && v.State == scoring.Scored {
		v = weighted(v, j.rubric.Scale, choice.LogProbs)
	}
	return v, nil
}

// weighted weighs the grade of a verdict by the probabilities that came with it.
func weighted(v judges.Verdict, scale judges.Scale, probabilities *openai.LogProbs) judges.Verdict {
	var tokens []judges.Token
	if probabilities != nil {
		for _, place := range probabilities.Content {
			t := judges.Token{Token: place.Token}
			for _, likely := range place.TopLogProbs {
				t.Top = append(t.Top, judges.TokenProb{Token: likely.Token, LogProb: likely.LogProb})
			}
			tokens = append(tokens, t)
		}
	}
	grade, _ := v.Value.Float()
	mean, method, err := judges.WeightedScore(grade, scale, tokens)
	switch {
	case err != nil:
		return judges.Declined(judges.OffMenu, err.Error())
	case method != judges.ByProbability:
		return judges.Declined(judges.Unweighted, "the server gives no probabilities of the grades")
	}
	weighed := judges.Number(mean, v.Reason)
	weighed.Method = method
	return weighed
}

func usage(r openai.ChatCompletionResponse) judges.Usage {
	u := judges.Usage{
		Model:       r.Model,
		Fingerprint: r.SystemFingerprint,
		Prompt:      r.Usage.PromptTokens,
		Completion:  r.Usage.CompletionTokens,
	}
	if d := r.Usage.PromptTokensDetails; d != nil {
		u.Cached = d.CachedTokens
	}
	if d := r.Usage.CompletionTokensDetails; d != nil {
		u.Reasoning = d.ReasoningTokens
	}
	return u
}
