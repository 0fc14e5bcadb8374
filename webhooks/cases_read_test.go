package webhooks_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
)

// delivery is one case of testdata/webhooks.json, or of ours. Every member of the file has a field: one that nobody looks
// at would be an expectation that nothing holds.
type delivery struct {
	ID         string
	Provider   string
	Secrets    []string
	Now        *int64 `json:"now_unix"`
	Tolerance  int    `json:"tolerance_seconds"`
	Method     string
	Headers    map[string]string
	Body       string
	BodySHA256 string `json:"body_sha256"`
	Expect     expectation

	about
}

// about is what people read.
type about struct {
	Vector    string `json:"vector_kind"`
	Source    string
	Note      string
	Ambiguous bool
	Library   json.RawMessage `json:"go_library_result"`
	Remark    string          `json:"library_note"`
}

type expectation struct {
	Verify        string
	Error         string
	Status        int      `json:"http_status"`
	DedupKey      string   `json:"dedup_key"`
	DedupKeys     []string `json:"dedup_keys"` // of a batch, in order
	Response      string   `json:"response_body_contains"`
	Outcome       json.RawMessage
	Count         *int
	Attributes    map[string]string
	DuplicateOf   string `json:"duplicate_of"`
	ScoresWritten *int   `json:"scores_written"`
	Note          string // for people
}

// meaning is the outcome that a case expects.
type meaning struct {
	Subject, Name string
	Value         scoring.Value
	Amount        *json.Number // in the currency, or in its smallest unit
}

// strictly decodes JSON that may have no member without a field.
func strictly(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(to)
}

func readCases(t *testing.T) []delivery {
	t.Helper()
	data, err := os.ReadFile("testdata/webhooks.json")
	require.NoError(t, err)
	var file struct {
		About   string
		Vectors map[string]string `json:"vector_kinds"`
		Cases   []delivery
	}
	require.NoError(t, strictly(data, &file))
	require.NotEmpty(t, file.Cases)
	return append(file.Cases, ourCases()...)
}

// ourCases are of the kinds of expectation that the file has no case of.
func ourCases() []delivery {
	now := noon.Unix()
	signed := func(id, provider, body string, header http.Header, e expectation) delivery {
		d := delivery{
			ID: id, Provider: provider, Secrets: []string{"s"}, Now: &now, Tolerance: 300,
			Method: http.MethodPost, Headers: map[string]string{}, Body: body, Expect: e,
		}
		d.Expect.Verify = "valid"
		for name := range header {
			d.Headers[name] = header.Get(name)
		}
		sum := sha256.Sum256([]byte(body))
		d.BodySHA256 = hex.EncodeToString(sum[:])
		return d
	}
	paid := `{"id":"evt_9","type":"checkout.session.completed","livemode":true,"data":{"object":{"id":"cs_1","payment_status":"paid","amount_total":4950,"currency":"usd"}}}`
	back := `{"id":"evt_10","type":"charge.refunded","data":{"object":{"id":"ch_1","refunded":true,"amount":4950,"amount_refunded":4950,"currency":"usd"}}}`
	challenge := `{"type":"url_verification","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}`
	batch := `[{"specversion":"1.0","id":"1","source":"/s","type":"t"},{"specversion":"1.0","id":"2","source":"/s","type":"t"}]`
	none := 0
	return []delivery{
		signed("our-stripe-amount", "stripe", paid, stripeSigned("s", noon, paid), expectation{
			DedupKey: "evt_9", Outcome: []byte(`{"subject":"cs_1","name":"converted","value":true,"amount":49.5}`),
		}),
		signed("our-stripe-refund", "stripe", back, stripeSigned("s", noon, back), expectation{
			DedupKeys: []string{"evt_10"}, Outcome: []byte(`{"subject":"ch_1","name":"converted","value":false,"amount":4950}`),
		}),
		signed("our-slack-challenge", "slack", challenge, slackSigned("s", noon, challenge), expectation{
			Status: 200, Response: "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P", Count: &none,
		}),
		signed("our-cloudevents-batch", "cloudevents", batch, http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, expectation{
			DedupKeys: []string{"/s|1", "/s|2"},
		}),
	}
}
