package history

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Usage is what calls of language models used, as the results of steps report it. The counts are tokens.
type Usage struct {
	// Model is the model that answered; empty if the result does not say.
	Model string
	// Input counts tokens that were read and not cached, Cached the ones from a cache, CacheWrites the ones that were put there,
	// Output the ones that were written, reasoning included.
	Input, Cached, CacheWrites, Output int64
}

// Total is all tokens.
func (u Usage) Total() int64 { return u.Input + u.Cached + u.CacheWrites + u.Output }

// Usage is what the result of a step reports, one for each call. It knows the members in which the APIs of OpenAI (chat and responses),
// Anthropic, Google, Amazon Bedrock, Ollama and the Vercel AI SDK report it, anywhere in a result that is JSON. Where an object reports
// a usage, its members are not asked for more: they have parts of it.
func (s *Step) Usage() []Usage {
	var all []Usage
	for i := range s.Result.Len() {
		data, err := s.Result.JSON(i)
		if err != nil {
			continue
		}
		var value any
		if decode(data, &value) == nil {
			all = usages(value, "", all)
		}
	}
	return all
}

// Usage is what the results of all activities and Nexus operations report.
func (r *Run) Usage() []Usage {
	var all []Usage
	for s := range r.Of(Activity, LocalActivity, Nexus) {
		all = append(all, s.Usage()...)
	}
	return all
}

func usages(value any, model string, all []Usage) []Usage {
	switch x := value.(type) {
	case map[string]any:
		model = cmp.Or(text(x, "model", "modelVersion", "model_id", "modelId", "model_name"), model)
		for _, at := range []any{x["usage"], x["usageMetadata"], x["usage_metadata"], x} {
			if object, ok := at.(map[string]any); ok {
				if u, ok := reported(object); ok {
					u.Model = cmp.Or(text(object, "model"), model)
					return append(all, u)
				}
			}
		}
		for _, key := range slices.Sorted(maps.Keys(x)) {
			all = usages(x[key], model, all)
		}
	case []any:
		for _, v := range x {
			all = usages(v, model, all)
		}
	}
	return all
}

func text(object map[string]any, keys ...string) string {
	for _, key := range keys {
		if s, ok := object[key].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// reported reads an object that reports a usage: it counts tokens read and tokens written.
func reported(o map[string]any) (u Usage, ok bool) {
	in, hasIn := count(o, "prompt_tokens", "input_tokens", "promptTokenCount", "prompt_token_count", "inputTokens", "promptTokens", "prompt_eval_count")
	out, hasOut := count(o, "completion_tokens", "output_tokens", "candidatesTokenCount", "candidates_token_count", "outputTokens", "completionTokens", "eval_count")
	if !hasIn || !hasOut {
		return Usage{}, false
	}
	u.Input, u.Output = in, out
	// Part of the tokens read, in the APIs of OpenAI and Google; next to it in that of Anthropic and Bedrock.
	for _, details := range []string{"prompt_tokens_details", "input_tokens_details"} {
		if d, ok := o[details].(map[string]any); ok {
			if c, ok := count(d, "cached_tokens"); ok {
				u.Cached = c
			}
		}
	}
	if c, ok := count(o, "cachedContentTokenCount", "cached_content_token_count", "cachedInputTokens", "cached_tokens"); ok {
		u.Cached = c
	}
	u.Cached = min(u.Cached, u.Input)
	u.Input -= u.Cached
	if c, ok := count(o, "cache_read_input_tokens", "cacheReadInputTokens"); ok {
		u.Cached += c
	}
	if c, ok := count(o, "cache_creation_input_tokens", "cacheWriteInputTokens"); ok {
		u.CacheWrites = c
	}
	if c, ok := count(o, "thoughtsTokenCount", "thoughts_token_count"); ok { // Google counts them apart
		u.Output += c
	}
	return u, true
}

func count(o map[string]any, keys ...string) (n int64, ok bool) {
	for _, key := range keys {
		if v, is := o[key].(json.Number); is {
			if n, err := v.Int64(); err == nil && n >= 0 {
				return n, true
			}
		}
	}
	return 0, false
}

// Tokens scores how many tokens the run's model calls used, as the results of its steps report it, as "tokens". A run whose results
// report nothing is not applicable.
func Tokens() Scorer {
	return Number("tokens", "1", func(r *Run) (float64, string, error) {
		all := r.Usage()
		if len(all) == 0 {
			return 0, "", Declined("no result of a step reports tokens")
		}
		var by tally
		total := int64(0)
		for _, u := range all {
			total += u.Total()
			by.add(cmp.Or(u.Model, "a model that is not named"), int(u.Total()))
		}
		return float64(total), by.String(), nil
	})
}

// Price is what a model costs for a million tokens, in any currency. Cached and CacheWrites default to Input.
type Price struct{ Input, Cached, CacheWrites, Output float64 }

// Of is what a usage costs.
func (p Price) Of(u Usage) float64 {
	return (float64(u.Input)*p.Input + float64(u.Output)*p.Output + float64(u.Cached)*cmp.Or(p.Cached, p.Input) +
		float64(u.CacheWrites)*cmp.Or(p.CacheWrites, p.Input)) / 1e6
}

// Cost scores what the run's model calls cost, as "cost", by the prices of models. A model has the price of the longest name that its
// own begins with: "gpt-4o" is the price of gpt-4o-2024-08-06. A model without a price makes the run not applicable, and so do
// results that report nothing: no cost is made up. The version must change with the prices.
func Cost(version string, prices map[string]Price) Scorer {
	return Number("cost", version, func(r *Run) (float64, string, error) {
		all := r.Usage()
		if len(all) == 0 {
			return 0, "", Declined("no result of a step reports tokens")
		}
		total := 0.0
		for _, u := range all {
			p, ok := priced(prices, u.Model)
			if !ok {
				return 0, "", Declined("model %q has no price", u.Model)
			}
			total += p.Of(u)
		}
		return total, "", nil
	})
}

func priced(prices map[string]Price, model string) (p Price, ok bool) {
	longest := -1
	for name, price := range prices {
		if strings.HasPrefix(model, name) && len(name) > longest {
			p, ok, longest = price, true, len(name)
		}
	}
	return p, ok
}

// Failures counts how activities, children and Nexus operations failed: by the type of the step and the type of its last error, once for
// each attempt that is known of. Of retried activities history has the last error alone.
func (r *Run) Failures() map[StepFailure]int {
	all := map[StepFailure]int{}
	for s := range r.Of(Activity, LocalActivity, Child, Nexus) {
		root := s.Failure.Root()
		if root == nil {
			continue
		}
		n := int(s.Attempts)
		if s.Status == Completed {
			n--
		}
		all[StepFailure{s.Type, root.Type}] += max(n, 1)
	}
	return all
}

// StepFailure names a way to fail.
type StepFailure struct {
	// Step is the type of the step, Error the type of its last error.
	Step, Error string
}
