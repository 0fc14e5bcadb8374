package webhooks_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

func number(t *testing.T, v float64) scoring.Value {
	t.Helper()
	n, err := scoring.NumberValue(v)
	require.NoError(t, err)
	return n
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	require.NoError(t, err)
	return v
}

// one requires that a mapping makes exactly one outcome of an event.
func one(t *testing.T, m webhooks.Mapping, kind, body string) scoring.Outcome {
	t.Helper()
	out, err := m(webhooks.Delivery{Type: kind, Body: []byte(body)})
	require.NoError(t, err)
	require.Len(t, out, 1)
	o := out[0]
	o.ID = "id"
	require.NoError(t, o.Validate())
	return out[0]
}

func none(t *testing.T, m webhooks.Mapping, kind, body string) {
	t.Helper()
	out, err := m(webhooks.Delivery{Type: kind, Body: []byte(body)})
	require.NoError(t, err, body)
	require.Empty(t, out, body)
}

func refused(t *testing.T, m webhooks.Mapping, kind, body string) {
	t.Helper()
	out, err := m(webhooks.Delivery{Type: kind, Body: []byte(body)})
	requireInvalid(t, err, body)
	require.Empty(t, out)
}

func TestPullRequests(t *testing.T) {
	t.Parallel()
	event := func(action, members string) string {
		return fmt.Sprintf(`{"action":%q,"pull_request":{"number":2,"html_url":"https://x/2","closed_at":"2019-05-15T15:21:19Z",
			"updated_at":"2019-05-15T15:21:20Z"%s},"repository":{"full_name":"o/r"},"sender":{"login":"mona"}}`, action, members)
	}
	require.Equal(t, scoring.Outcome{
		Name: "pull_request.merged", Key: "o/r#2", Value: scoring.BoolValue(true), ObservedAt: at(t, "2019-05-15T15:21:18Z"),
		Payload: []byte(`{"action":"closed","url":"https://x/2","sender":"mona"}`),
	}, one(t, webhooks.PullRequests, "pull_request", event("closed", `,"merged":true,"merged_at":"2019-05-15T15:21:18Z"`)))

	// merge_commit_sha is there although nothing was merged.
	closed := one(t, webhooks.PullRequests, "pull_request",
		event("closed", `,"merged":false,"merged_at":null,"merge_commit_sha":"7b5cdd55fd62ac3a0c0f1aee6ff2c8a3b4ca3b5a"`))
	require.Equal(t, "pull_request.closed", closed.Name)
	require.Equal(t, scoring.BoolValue(false), closed.Value)
	require.Equal(t, at(t, "2019-05-15T15:21:19Z"), closed.ObservedAt)

	reopened := one(t, webhooks.PullRequests, "pull_request", event("reopened", `,"merged":false`))
	require.Equal(t, "pull_request.reopened", reopened.Name)
	require.False(t, reopened.Value.IsSet())
	require.Equal(t, at(t, "2019-05-15T15:21:20Z"), reopened.ObservedAt)

	for _, action := range []string{"opened", "synchronize", "labeled", "edited", ""} {
		none(t, webhooks.PullRequests, "pull_request", event(action, `,"merged":false`))
	}
	none(t, webhooks.PullRequests, "issues", event("closed", `,"merged":true`))
	refused(t, webhooks.PullRequests, "pull_request", event("closed", ``)) // does not say
	refused(t, webhooks.PullRequests, "pull_request", event("closed", `,"merged":"yes"`))
	refused(t, webhooks.PullRequests, "pull_request", `{"action":"closed"}`)
	refused(t, webhooks.PullRequests, "pull_request", `{"action":"closed","pull_request":{"number":2,"merged":true}}`)
	refused(t, webhooks.PullRequests, "pull_request", `{"action":"closed","pull_request":{"merged":true},"repository":{"full_name":"o/r"}}`)
}

func TestIssues(t *testing.T) {
	t.Parallel()
	event := `{"action":%q,"issue":{"number":7,"closed_at":"2019-05-15T15:20:18Z","updated_at":"2019-05-16T15:20:18Z",
		"state_reason":"completed"},"repository":{"full_name":"o/r"}}`
	closed := one(t, webhooks.Issues, "issues", fmt.Sprintf(event, "closed"))
	require.Equal(t, scoring.Outcome{
		Name: "issue.closed", Key: webhooks.IssueKey("o/r", 7), Value: scoring.BoolValue(true),
		ObservedAt: at(t, "2019-05-15T15:20:18Z"), Payload: []byte(`{"action":"closed","state_reason":"completed"}`),
	}, closed)
	reopened := one(t, webhooks.Issues, "issues", fmt.Sprintf(event, "reopened"))
	require.Equal(t, "issue.reopened", reopened.Name)
	require.Equal(t, scoring.BoolValue(false), reopened.Value)
	require.Equal(t, at(t, "2019-05-16T15:20:18Z"), reopened.ObservedAt)
	none(t, webhooks.Issues, "issues", fmt.Sprintf(event, "opened"))
	none(t, webhooks.Issues, "pull_request", fmt.Sprintf(event, "closed"))
	refused(t, webhooks.Issues, "issues", `{"action":"closed"}`)
	refused(t, webhooks.Issues, "issues", `[]`)
}

func TestCheckouts(t *testing.T) {
	t.Parallel()
	event := func(members string) string { return `{"data":{"object":{"id":"cs_1"` + members + `}}}` }
	const done, prefix = "checkout.session.completed", "checkout.session."
	paid := one(t, webhooks.Checkouts, done, event(`,"payment_status":"paid","amount_total":4900,"currency":"usd",
		"client_reference_id":"order-1","metadata":{"temporal_workflow_id":"checkout-1"}`))
	require.Equal(t, scoring.Outcome{
		Name: "checkout.paid", Key: "checkout-1", Value: scoring.BoolValue(true),
		Payload: []byte(`{"session":"cs_1","payment_status":"paid","amount_total":4900,"currency":"usd"}`),
	}, paid)
	require.Equal(t, "order-1", one(t, webhooks.Checkouts, done, event(`,"payment_status":"paid","client_reference_id":"order-1","metadata":{}`)).Key)
	require.Equal(t, "cs_1", one(t, webhooks.Checkouts, done, event(`,"payment_status":"paid","client_reference_id":null,"metadata":null`)).Key)

	none(t, webhooks.Checkouts, done, event(`,"payment_status":"unpaid"`))
	none(t, webhooks.Checkouts, done, event(`,"payment_status":"no_payment_required","mode":"setup"`))
	one(t, webhooks.Checkouts, done, event(`,"payment_status":"no_payment_required","mode":"payment"`))
	refused(t, webhooks.Checkouts, done, event(``))
	refused(t, webhooks.Checkouts, done, event(`,"payment_status":"perhaps"`))
	refused(t, webhooks.Checkouts, done, `{"data":[]}`)

	succeeded := one(t, webhooks.Checkouts, prefix+"async_payment_succeeded", event(`,"payment_status":"paid"`))
	require.Equal(t, "checkout.paid", succeeded.Name)
	failed := one(t, webhooks.Checkouts, prefix+"async_payment_failed", event(`,"payment_status":"unpaid"`))
	require.Equal(t, "checkout.failed", failed.Name)
	require.Equal(t, scoring.BoolValue(false), failed.Value)
	expired := one(t, webhooks.Checkouts, prefix+"expired", event(`,"payment_status":"unpaid"`))
	require.Equal(t, "checkout.expired", expired.Name)
	require.Equal(t, scoring.BoolValue(false), expired.Value)
	none(t, webhooks.Checkouts, "charge.refunded", event(``))
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	const refunds = "charge.refunded"
	event := func(members string) string { return `{"livemode":true,"data":{"object":{"id":"ch_1"` + members + `}}}` }
	require.Equal(t, scoring.Outcome{
		Name: "charge.refunded", Key: "checkout-1", Value: scoring.BoolValue(false),
		Payload: []byte(`{"charge":"ch_1","payment_intent":"pi_1","amount":4900,"amount_refunded":4900,"currency":"usd"}`),
	}, one(t, webhooks.Refunds, refunds, event(`,"payment_intent":"pi_1","amount":4900,"amount_refunded":4900,"refunded":true,"currency":"usd",
		"metadata":{"temporal_workflow_id":"checkout-1"}`)))
	part := one(t, webhooks.Refunds, refunds, event(`,"payment_intent":{"id":"pi_1"},"amount":4900,"amount_refunded":100,"refunded":false`))
	require.Equal(t, "charge.partially_refunded", part.Name)
	require.False(t, part.Value.IsSet())
	require.Equal(t, "pi_1", part.Key)
	require.Equal(t, "ch_1", one(t, webhooks.Refunds, refunds, event(`,"payment_intent":null,"refunded":true`)).Key)
	refused(t, webhooks.Refunds, refunds, event(``)) // does not say
	refused(t, webhooks.Refunds, refunds, event(`,"payment_intent":7,"refunded":true`))
	none(t, webhooks.Refunds, "charge.updated", event(`,"refunded":true`))
}

// Nobody pays in the test mode.
func TestStripeTestMode(t *testing.T) {
	t.Parallel()
	const paid = `{"id":"evt_%d","type":"checkout.session.completed","livemode":%s,"data":{"object":{"id":"cs_1","payment_status":"paid"}}}`
	const back = `{"id":"evt_%d","type":"charge.refunded","livemode":%s,"data":{"object":{"id":"ch_1","refunded":true}}}`
	both := webhooks.Combine(webhooks.Checkouts, webhooks.Refunds)
	for i, c := range []struct {
		livemode string
		testMode bool
		status   int
		rows     int
	}{{"true", false, 200, 1}, {"false", false, 202, 0}, {"true", true, 200, 1}, {"false", true, 200, 1}, {"null", false, 200, 1}} {
		m := newMemory()
		h := handler(t, webhooks.Stripe{Secrets: []string{"s"}, TestMode: c.testMode}, m, both)
		for _, event := range []string{paid, back} {
			m.rows = map[string]scoring.Outcome{}
			body := fmt.Sprintf(event, i, c.livemode)
			w := post(h, stripeSigned("s", noon, body), body)
			require.Equal(t, c.status, w.Code, "%+v", c)
			require.Len(t, m.rows, c.rows, "%+v", c)
			if c.rows == 0 {
				require.Equal(t, "not for us: an event of Stripe's test mode\n", w.Body.String())
			}
		}
		require.Empty(t, m.rejected)
	}
	// A mapping that is called by itself does not count it either.
	none(t, both, "checkout.session.completed", fmt.Sprintf(paid, 1, "false"))
	none(t, both, "charge.refunded", fmt.Sprintf(back, 1, "false"))
}

func TestReactions(t *testing.T) {
	t.Parallel()
	require.Equal(t, scoring.Outcome{
		Name: "message.reaction_added", Key: webhooks.MessageKey("C1", "1789999999.000100"), Value: scoring.BoolValue(true),
		ObservedAt: time.Unix(1790000000, 500_000), Payload: []byte(`{"reaction":"+1","user":"U1","author":"U2"}`),
	}, one(t, webhooks.Reactions, "reaction_added", slackReaction))
	removed := one(t, webhooks.Reactions, "reaction_removed", slackReaction)
	require.Equal(t, "message.reaction_removed", removed.Name)
	require.Equal(t, scoring.BoolValue(false), removed.Value)
	none(t, webhooks.Reactions, "message", slackReaction)
	none(t, webhooks.Reactions, "reaction_added", strings.Replace(slackReaction, `"message"`, `"file"`, 1))
	refused(t, webhooks.Reactions, "reaction_added", strings.Replace(slackReaction, `"C1"`, `""`, 1))
	refused(t, webhooks.Reactions, "reaction_added", `[]`)
	for stamp, want := range map[string]time.Time{
		"1790000000": time.Unix(1790000000, 0), "1790000000.5": time.Unix(1790000000, 0), "soon": {}, "": {},
	} {
		o := one(t, webhooks.Reactions, "reaction_added", strings.Replace(slackReaction, "1790000000.000500", stamp, 1))
		require.Equal(t, want, o.ObservedAt, stamp)
	}
}

func TestScores(t *testing.T) {
	t.Parallel()
	require.Equal(t, scoring.Outcome{
		Name: "rated", Key: "k", Value: number(t, 4.5), ObservedAt: at(t, "2026-01-02T03:04:05Z"), Payload: []byte(`{"by":"me"}`),
	}, one(t, webhooks.Scores, "", ` {"name":"rated","key":"k","value":4.5,"observed_at":"2026-01-02T03:04:05Z","payload":{"by":"me"}}`))

	// In an envelope, with the other names for the key, the type as name, and the object as payload.
	for _, key := range []string{"key", "subject", "workflow_id"} {
		data := `{"` + key + `":"k","value":false}`
		require.Equal(t, scoring.Outcome{Name: "score.create", Key: "k", Value: scoring.BoolValue(false), Payload: []byte(data)},
			one(t, webhooks.Scores, "score.create", `{"type":"score.create","data":`+data+`}`))
	}
	// "data" of something that has a name of its own is not an envelope's.
	require.Equal(t, "outer", one(t, webhooks.Scores, "", `{"name":"outer","key":"k","data":{"name":"inner"}}`).Name)
	// No value is no value, not false.
	require.False(t, one(t, webhooks.Scores, "", `{"name":"n","key":"k","value":null}`).Value.IsSet())

	none(t, webhooks.Scores, "contact.created", `{"type":"contact.created","data":{"id":"1"}}`)
	none(t, webhooks.Scores, "t", ``)
	none(t, webhooks.Scores, "t", `5`)
	for _, body := range []string{`{"name":"n","key":"k","value":"high"}`, `{"name":"n","key":"k","value":[1]}`, `{"name":5,"key":"k"}`,
		`{"name":"n","key":"k","observed_at":"noon"}`, `{`} {
		refused(t, webhooks.Scores, "t", body)
	}
	// With a name or a value it means to be an outcome: the handler refuses it for the key that it lacks.
	for _, body := range []string{`{"name":"n"}`, `{"value":1}`} {
		out, err := webhooks.Scores(webhooks.Delivery{Type: "t", Body: []byte(body)})
		require.NoError(t, err)
		out[0].ID = "id"
		requireInvalid(t, out[0].Validate())
	}
	// For CloudEvents the attributes are enough.
	for body, payload := range map[string]string{"": "", `"text"`: `"text"`, `{"a":1}`: `{"a":1}`} {
		out, err := webhooks.Scores(webhooks.Delivery{Type: "t", Subject: "k", Body: []byte(body)})
		require.NoError(t, err)
		require.Len(t, out, 1)
		require.Equal(t, "t k", out[0].Name+" "+out[0].Key)
		require.Equal(t, payload, string(out[0].Payload))
	}
}

// What two readers could understand in two ways is refused, and so is a number that would become another one.
func TestScoresSayOneThing(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"name":"n","key":"a","key":"b"}`, `{"name":"n","key":"a","Key":"b"}`, `{"data":{"name":"n","key":"a","value":1,"VALUE":2}}`,
		`{"data":{"key":"a"},"data":{"key":"b"}}`, `{"name":"n","key":"\ud800"}`, "{\"name\":\"n\",\"key\":\"\xff\"}",
		`{"name":"n","key":"a","value":9007199254740993}`, `{"name":"n","key":"a","value":-12345678901234567890}`,
		`{"name":"n","key":"a","observed_at":"2026-11-26 10:00:00Z"}`,
	} {
		refused(t, webhooks.Scores, "t", body)
	}
	require.Equal(t, number(t, 1<<53), one(t, webhooks.Scores, "t", `{"name":"n","key":"a","value":9007199254740992}`).Value)
	require.Equal(t, number(t, 0.1), one(t, webhooks.Scores, "t", `{"name":"n","key":"a","value":0.1000000000000000055}`).Value)
	o := one(t, webhooks.Scores, "t", `{"name":"n","key":"a","observed_at":"2016-12-31t23:59:60z","n":9007199254740993,"A":1,"a":2}`)
	require.True(t, at(t, "2017-01-01T00:00:00Z").Equal(o.ObservedAt))
	require.Contains(t, string(o.Payload), "9007199254740993", "what is not ours stays as it was sent")
}

func TestCombine(t *testing.T) {
	t.Parallel()
	both := webhooks.Combine(webhooks.PullRequests, webhooks.Issues)
	none(t, both, "push", `{}`)
	none(t, webhooks.Combine(), "push", `{}`)
	refused(t, both, "issues", `{"action":"closed"}`)
	one(t, both, "issues", `{"action":"closed","issue":{"number":7},"repository":{"full_name":"o/r"}}`)
}

// TestDependencies holds the package to the standard library and the domain.
func TestDependencies(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	require.NoError(t, err)
	const us = "github.com/verdict-dev/verdict/"
	require.Equal(t, []string{us + "scoring", us + "internal/strictjson", us + "webhooks"}, strings.Fields(string(out)))
}
