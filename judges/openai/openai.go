// Package openai has a judge that asks a language model behind any server that speaks OpenAI's chat completions
// protocol.
package openai

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
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

// maxBody bounds how much of an answer is read: a few thousand tokens are a few kilobytes.
const maxBody = 4 << 20

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
	// MaxTokens bounds the answer, reasoning included. Left to the server when 0. An answer that it cuts off is declined.
	MaxTokens int
}

// settings are the options, other than rubric and model, that can change an answer. They are hashed into the judge's
// version, so a new field is omitted while it is unset.
type settings struct {
	ResponseFormat ResponseFormat `json:"response_format"`
	Temperature    *float32       `json:"temperature,omitempty"`
	Seed           *int           `json:"seed,omitempty"`
	MaxTokens      int            `json:"max_tokens,omitempty"`
}

// Judge asks a language model. It makes one request a call.
type Judge struct {
	id      judges.ID
	rubric  judges.Rubric
	client  *openai.Client
	timeout time.Duration
	request openai.ChatCompletionRequest
}

var _ judges.Judge = (*Judge)(nil)

// New returns a judge. It refuses an invalid rubric, a missing model, an address that is not an absolute http or https
// URL, and parameters that the model is known not to take. It makes no call.
func New(o Options) (*Judge, error) {
	// The caller may change its rubric later; this judge and its version must not.
	o.Rubric.Choices = maps.Clone(o.Rubric.Choices)
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
	id, err := o.Rubric.ID(o.Model, settings{o.ResponseFormat, o.Temperature, o.Seed, o.MaxTokens})
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
		config.BaseURL = o.BaseURL
	}
	client := o.HTTPClient
	if client == nil {
		client = http.DefaultClient
	}
	config.HTTPClient = bounded{client}
	if o.Timeout < 0 {
		return nil, scoring.Invalid("timeout", "%s is negative", o.Timeout)
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	return &Judge{id, o.Rubric, openai.NewClientWithConfig(config), timeout, request}, nil
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
	v := judges.Declined(judges.NoReference, "the rubric compares with an expected answer and there is none")
	if !j.rubric.NeedsExpected || len(s.Expected) > 0 {
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
	response, err := j.client.CreateChatCompletion(call, request)
	if err != nil && ctx.Err() != nil {
		return judges.Verdict{}, fmt.Errorf("judge: %w", ctx.Err())
	}
	if err != nil {
		return failure(response.Header(), err)
	}
	v, err := j.read(response)
	v.Usage = usage(response)
	return v, err
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
	return j.rubric.Read(choice.Message.Content), nil
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

// bounded refuses to read more than maxBody of an answer.
type bounded struct{ client *http.Client }

func (b bounded) Do(r *http.Request) (*http.Response, error) {
	response, err := b.client.Do(r)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxBody)
	}
	return response, err
}
