package webhooks_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

// A service takes GitHub's deliveries in its own mux. The sink of a real one hands outcomes to Verdict.
func ExampleNew() {
	sink := webhooks.SinkFunc(func(_ context.Context, o scoring.Outcome) error {
		fmt.Println(o.Name, o.Key, o.Value, "as", o.ID)
		return nil
	})
	receiver, err := webhooks.New(webhooks.GitHub{Secrets: []string{"a secret of the webhook"}}, webhooks.Options{
		Mapping: webhooks.Combine(webhooks.PullRequests, webhooks.Issues),
		Sink:    sink,
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/github", receiver)
	server := httptest.NewServer(mux)
	defer server.Close()

	// What GitHub sends.
	body := `{"action":"closed","pull_request":{"number":12,"merged":true},"repository":{"full_name":"octo/hello"}}`
	mac := hmac.New(sha256.New, []byte("a secret of the webhook"))
	mac.Write([]byte(body))
	r, err := http.NewRequest(http.MethodPost, server.URL+"/webhooks/github", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", "pull_request")
	r.Header.Set("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958")
	r.Header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := server.Client().Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	fmt.Println(res.Status)
	// Output:
	// pull_request.merged octo/hello#12 true as github:72d3162e-cc78-11e3-81ab-4c9367dc0958
	// 200 OK
}

// A process that tells of outcomes signs them, so that the receiver knows who speaks.
func ExampleSign() {
	body := []byte(`{"name":"thumbs_up","key":"message-7","value":true}`)
	header, err := webhooks.Sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_1", time.Unix(1790000000, 0), body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(header.Get("webhook-id"), header.Get("webhook-timestamp"), header.Get("webhook-signature"))
	// Output:
	// msg_1 1790000000 v1,FMF+sVfPlOZ0S0zaLgF3e7gkkD+tL5s6s/t0mfXoD8Y=
}
