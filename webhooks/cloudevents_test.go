package webhooks_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/webhooks"
)

var events = webhooks.CloudEvents{Tokens: []string{token}}

func TestCloudEventsToken(t *testing.T) {
	t.Parallel()
	v := verifier(t, events)
	try := func(header []string, query ...string) error {
		return v.Verify(webhooks.Request{Header: http.Header{"Authorization": header}, Query: url.Values{"access_token": query}})
	}
	require.NoError(t, try([]string{"Bearer " + token}))
	require.NoError(t, try([]string{"bearer  " + token}))
	require.NoError(t, try(nil, token))
	requireRefused(t, 401, try(nil))
	requireRefused(t, 401, try(nil, ""))
	requireRefused(t, 401, try(nil, token+"x"))
	requireRefused(t, 401, try([]string{token}))
	requireRefused(t, 401, try([]string{"Basic " + token}))
	requireRefused(t, 401, try([]string{"Bearer"}))
	requireRefused(t, 400, try([]string{"Bearer " + token}, token))
	requireRefused(t, 400, try(nil, token, token))

	// In a URL, through the handler; no cache may keep the answer.
	r := httptest.NewRequest(http.MethodPost, "/?access_token="+url.QueryEscape(token), strings.NewReader("[]"))
	r.Header.Set("Content-Type", "application/cloudevents-batch+json")
	w := httptest.NewRecorder()
	handler(t, events, newMemory(), probe).ServeHTTP(w, r)
	require.Equal(t, 202, w.Code)
	require.Contains(t, w.Header().Get("Cache-Control"), "private")
}

func TestCloudEventsHandshake(t *testing.T) {
	t.Parallel()
	ask := func(s webhooks.CloudEvents, origin ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodOptions, "/", nil)
		r.Header["Webhook-Request-Origin"] = origin
		r.Header.Set("WebHook-Request-Rate", "120")
		w := httptest.NewRecorder()
		handler(t, s, newMemory(), probe).ServeHTTP(w, r)
		require.Contains(t, w.Header().Get("Allow"), "POST")
		return w
	}
	granted := func(w *httptest.ResponseRecorder) []string {
		return append(w.Header().Values("WebHook-Allowed-Origin"), w.Header().Values("WebHook-Allowed-Rate")...)
	}
	w := ask(events, "events.example.com")
	require.Equal(t, 200, w.Code)
	require.Equal(t, []string{"events.example.com", "*"}, granted(w))

	limited := webhooks.CloudEvents{Tokens: []string{token}, Origins: []string{"events.example.com"}}
	require.Equal(t, []string{"Events.example.com", "*"}, granted(ask(limited, "Events.example.com")))
	require.Empty(t, granted(ask(limited, "evil.example.com")))
	require.Empty(t, granted(ask(limited)), "OPTIONS without an origin is no handshake")
	require.Empty(t, granted(ask(events, "a.example.com", "b.example.com")))

	w = httptest.NewRecorder()
	handler(t, events, newMemory(), probe).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, 405, w.Code)
	require.Equal(t, "POST, OPTIONS", w.Header().Get("Allow"))
}

// binaryEvent returns the header of an event in binary mode, with members changed; an empty value removes one.
func binaryEvent(change ...string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{"specversion": "1.0", "id": "1", "source": "/s", "type": "t"} {
		h.Set("ce-"+name, value)
	}
	h.Set("Content-Type", "application/json")
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "" {
			h.Del(change[i])
			continue
		}
		h.Set(change[i], change[i+1])
	}
	return h
}

func TestCloudEventsBinary(t *testing.T) {
	t.Parallel()
	v := verifier(t, events)
	parse := func(h http.Header, body string) (webhooks.Delivery, error) {
		parsed, err := v.Parse(request(h, body))
		if err != nil {
			require.Empty(t, parsed.Deliveries)
			return webhooks.Delivery{}, err
		}
		require.Len(t, parsed.Deliveries, 1)
		return parsed.Deliveries[0], nil
	}
	d, err := parse(binaryEvent("ce-subject", `k`, "ce-time", "2018-04-05T03:56:24.5Z", "ce-tenant", "a%20b"), `{"a":1}`)
	require.NoError(t, err)
	require.Equal(t, "/s|1", d.ID)
	require.Equal(t, "t", d.Type)
	require.Equal(t, "k", d.Subject)
	require.Equal(t, time.Date(2018, 4, 5, 3, 56, 24, 5e8, time.UTC), d.ObservedAt)
	require.Equal(t, map[string]string{"specversion": "1.0", "id": "1", "source": "/s", "type": "t", "subject": "k",
		"time": "2018-04-05T03:56:24.5Z", "tenant": "a b", "datacontenttype": "application/json"}, d.Attributes)

	for sent, want := range map[string]string{
		"Euro%20%E2%82%AC%20%F0%9F%98%80": "Euro € 😀",
		"%e2%82%ac":                       "€",
		"%41":                             "A", // encoded without need
		"%2541":                           "%41",
		"100%":                            "100%", // not encoded at all
		"50%x":                            "50%x",
		`"quoted \"and\" %41"`:            `quoted "and" A`,
		`in "the" middle`:                 `in "the" middle`,
		"a|b":                             "a|b",
	} {
		d, err := parse(binaryEvent("ce-id", sent), "{}")
		require.NoError(t, err, sent)
		require.Equal(t, "/s|"+want, d.ID)
	}
	// A bar in the source cannot move the border between source and id.
	one, err := parse(binaryEvent("ce-source", "a|b", "ce-id", "c"), "{}")
	require.NoError(t, err)
	two, err := parse(binaryEvent("ce-source", "a", "ce-id", "b|c"), "{}")
	require.NoError(t, err)
	require.NotEqual(t, one.ID, two.ID)

	text, err := parse(binaryEvent("Content-Type", "text/plain"), "no JSON")
	require.NoError(t, err)
	require.Equal(t, "no JSON", string(text.Body))

	for name, h := range map[string]http.Header{
		"overlong UTF-8":    binaryEvent("ce-id", "%C0%A0"),
		"half a character":  binaryEvent("ce-id", "%E2%82"),
		"control character": binaryEvent("ce-id", "a%0Ab"),
		"open quote":        binaryEvent("ce-id", `"abc`),
		"after the quote":   binaryEvent("ce-id", `"a"b`),
		"open escape":       binaryEvent("ce-id", `"a\`),
		"no id":             binaryEvent("ce-id", ""),
		"no source":         binaryEvent("ce-source", ""),
		"no type":           binaryEvent("ce-type", ""),
		"no URI":            binaryEvent("ce-source", "http://[::1"),
		"time":              binaryEvent("ce-time", "yesterday"),
		"name":              binaryEvent("ce-a_b", "x"),
		"datacontenttype":   binaryEvent("ce-datacontenttype", "application/json"),
	} {
		_, err := parse(h, "{}")
		require.Error(t, err, name)
		requireRefused(t, 400, err)
	}
	twice := binaryEvent()
	twice.Add("ce-id", "2")
	_, err = parse(twice, "{}")
	requireRefused(t, 400, err)
	_, err = parse(binaryEvent(), "{")
	requireRefused(t, 400, err)
	_, err = parse(binaryEvent("ce-specversion", "0.3"), "{}")
	requireRefused(t, 415, err)
	_, err = parse(binaryEvent("ce-specversion", ""), "{}")
	requireRefused(t, 415, err)
}

func TestCloudEventsStructured(t *testing.T) {
	t.Parallel()
	v := verifier(t, events)
	parse := func(contentType, body string) (webhooks.Parsed, error) {
		return v.Parse(request(http.Header{"Content-Type": {contentType}}, body))
	}
	const structured, batched = "application/cloudevents+json; charset=utf-8", "application/cloudevents-batch+json"
	start := `{"specversion":"1.0","id":"1","source":"/s","type":"t"`
	for members, want := range map[string]string{
		`,"data":{"x":1}`: `{"x":1}`,
		`,"data":"text"`:  `"text"`,
		`,"data":"<a/>","datacontenttype":"text/xml"`:          `<a/>`,
		`,"data_base64":"eyJ4IjoxfQ=="`:                        `{"x":1}`,
		`,"data_base64":"AAE=","datacontenttype":"image/x"`:    "\x00\x01",
		`,"subject":null,"n":-5,"flag":true,"time":null`:       ``,
		`,"datacontenttype":"application/a+json","data":[1,2]`: `[1,2]`,
	} {
		parsed, err := parse(structured, start+members+"}")
		require.NoError(t, err, members)
		require.Equal(t, want, string(parsed.Deliveries[0].Body))
	}
	for _, body := range []string{
		"", "[]", "null", "1", `{"specversion":"1.0"}`,
		start + `,"n":1.5}`, start + `,"n":[]}`, start + `,"A":"x"}`, start + `,"":"x"}`, start + `,"x":"\u0001"}`,
		start + `,"data":1,"data_base64":"eyJ4IjoxfQ=="}`, start + `,"data_base64":"*"}`, start + `,"data_base64":1}`,
		start + `,"data_base64":"AA=="}`, // says JSON, and is not
		start + `,"data":{},"datacontenttype":"text/plain"}`,
	} {
		_, err := parse(structured, body)
		require.Error(t, err, body)
		requireRefused(t, 400, err)
	}
	for _, contentType := range []string{"application/cloudevents", "application/cloudevents+avro", "application/cloudevents-batch+xml", "application/json", "", "/"} {
		_, err := parse(contentType, start+"}")
		requireRefused(t, 415, err)
	}
	parsed, err := parse(batched, "["+start+"},"+strings.Replace(start, `"1"`, `"2"`, 1)+"}]")
	require.NoError(t, err)
	require.Len(t, parsed.Deliveries, 2)
	for _, body := range []string{"", "{}", "null", start + "}"} {
		_, err := parse(batched, body)
		requireRefused(t, 400, err)
	}
}

// What RFC 3339 and CloudEvents allow, and what they do not.
func TestCloudEventsByTheirRules(t *testing.T) {
	t.Parallel()
	v := verifier(t, events)
	parse := func(members string) (webhooks.Delivery, error) {
		body := `{"specversion":"1.0","source":"/shop","type":"order.placed"` + members + `}`
		parsed, err := v.Parse(request(http.Header{"Content-Type": {"application/cloudevents+json"}}, body))
		if err != nil {
			return webhooks.Delivery{}, err
		}
		return parsed.Deliveries[0], nil
	}
	for sent, want := range map[string]string{
		"2026-11-26T10:00:00Z":              "2026-11-26T10:00:00Z",
		"2026-11-26t10:00:00z":              "2026-11-26T10:00:00Z",
		"2016-12-31T23:59:60Z":              "2017-01-01T00:00:00Z",
		"2026-11-26T10:00:00.123456789012Z": "2026-11-26T10:00:00.123456789Z",
		"2026-11-26T10:00:00-00:00":         "2026-11-26T10:00:00Z",
		"2026-11-26T15:30:00+05:30":         "2026-11-26T10:00:00Z",
	} {
		d, err := parse(`,"id":"1","time":"` + sent + `"`)
		require.NoError(t, err, sent)
		require.True(t, at(t, want).Equal(d.ObservedAt), "%s is %s", sent, d.ObservedAt)
		require.Equal(t, sent, d.Attributes["time"], "as it was sent")
		binary, err := v.Parse(request(binaryEvent("ce-time", sent), "{}"))
		require.NoError(t, err, sent)
		require.True(t, at(t, want).Equal(binary.Deliveries[0].ObservedAt))
	}
	for _, sent := range []string{
		"2026-11-26 10:00:00Z", "2026-11-26T10:00Z", "2026-11-26T10:00:00.123", "2026-11-26T10:00:00,5Z", "2026-11-26T1:00:00Z",
		"2026-11-26T10:00:60Z", "2026-11-26T24:00:00Z", "2026-11-26T10:00:00+24:00", "",
	} {
		_, err := parse(`,"id":"1","time":"` + sent + `"`)
		requireRefused(t, 400, err)
	}
	for members, id := range map[string]string{
		`,"id":"bestellung-ü"`:     "bestellung-ü",
		`,"id":"\ud83d\ude00"`:     "😀",
		`,"id":"1","n":2147483647`: "1",
		`,"id":"1","datacontenttype":"application/cloudevents+json","data":{"a":1,"a":2}`: "1",
	} {
		d, err := parse(members)
		require.NoError(t, err, members)
		require.Equal(t, "/shop|"+id, d.ID)
	}
	for _, members := range []string{
		`,"id":"1","id":"2"`, `,"id":"1","source":"/other"`, // says two things
		`,"id":"\ud800"`, "," + `"id":"` + "\xff" + `"`, // would be one id with others
		`,"id":"\ufdd0"`, `,"id":"\ud83f\udffe"`, `,"id":"\u0085"`, // characters that no text may have
		`,"id":"1","event_source":"x"`, `,"id":"1","example-extension":"x"`, `,"id":"1","ratio":0.5`, `,"id":"1","ratio":1e3`,
	} {
		_, err := parse(members)
		requireRefused(t, 400, err)
	}
	_, err := parse(`,"id":"1","specversion":"1.0.2"`)
	requireRefused(t, 400, err) // twice
	_, err = v.Parse(request(binaryEvent("ce-specversion", "1.0.2"), "{}"))
	requireRefused(t, 415, err)
	_, err = v.Parse(request(http.Header{"Content-Type": {"application/cloudevents+json"}}, "\ufeff"+`{"specversion":"1.0","id":"1","source":"/s","type":"t"}`))
	requireRefused(t, 400, err)
}
