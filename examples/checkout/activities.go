package checkout

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"go.temporal.io/sdk/activity"

	"github.com/verdict-dev/verdict/webhooks"
)

// Activities talk to Stripe.
type Activities struct {
	API    string // such as https://api.stripe.com
	Secret string
}

// Open opens a payment page and returns its address. Stripe sends the workflow id back with every event about the page,
// and opens one page for one run, also when this is retried.
func (a *Activities) Open(ctx context.Context, price, text string) (string, error) {
	run := activity.GetInfo(ctx).WorkflowExecution
	form := url.Values{
		"mode":                         {"payment"},
		"line_items[0][price]":         {price},
		"line_items[0][quantity]":      {"1"},
		"success_url":                  {"https://shop.example/thanks"},
		"custom_text[submit][message]": {text},
		"metadata[" + webhooks.WorkflowMetadata + "]": {run.ID},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.API+"/v1/checkout/sessions", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Idempotency-Key", run.RunID)
	req.SetBasicAuth(a.Secret, "")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("open a payment page: Stripe answered %s", res.Status)
	}
	var opened struct{ URL string }
	err = json.NewDecoder(res.Body).Decode(&opened)
	return opened.URL, err
}
