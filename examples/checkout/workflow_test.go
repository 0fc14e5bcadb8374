package checkout_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/verdict-dev/verdict/examples/checkout"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

const secret = "whsec_test"

// stripe answers as Stripe's API does when a payment page is opened, and remembers the text of each.
type stripe struct {
	*httptest.Server
	mu    sync.Mutex
	texts map[string]string
}

func newStripe(t *testing.T) *stripe {
	s := &stripe{texts: map[string]string{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.PostFormValue("metadata[temporal_workflow_id]")
		if user, _, _ := r.BasicAuth(); user != "sk_test" || r.URL.Path != "/v1/checkout/sessions" || key == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.texts[key] = r.PostFormValue("custom_text[submit][message]")
		fmt.Fprintf(w, `{"id":"cs_%s","url":"https://pay.example/%s"}`, key, key)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stripe) text(run client.WorkflowRun) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.texts[run.GetID()]
}

// deliver sends an event about a payment page, signed as Stripe does.
func deliver(t *testing.T, url, kind string, run client.WorkflowRun) {
	t.Helper()
	now := time.Now().Unix()
	body := fmt.Sprintf(`{"id":%q,"type":%q,"created":%d,"data":{"object":{"id":"cs_1","mode":"payment",
		"payment_status":"paid","amount_total":4990,"currency":"eur","metadata":{"temporal_workflow_id":%q}}}}`, "evt_"+uuid.NewString(), kind, now, run.GetID())
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%d.%s", now, body)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Stripe-Signature", fmt.Sprintf("t=%d,v1=%s", now, hex.EncodeToString(mac.Sum(nil))))
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
}

func TestPaidExpiredAndForgotten(t *testing.T) {
	t.Parallel()
	b := harness.New(t, nil)
	b.StoreWorker()
	stripe := newStripe(t)
	b.UserWorker(b.Config(checkout.Paid), func(w worker.Worker) {
		w.RegisterWorkflow(checkout.Checkout)
		w.RegisterActivity(&checkout.Activities{API: stripe.URL, Secret: "sk_test"})
	})
	h, err := checkout.Receiver(b.Verdict, secret)
	require.NoError(t, err)
	receiver := httptest.NewServer(h)
	t.Cleanup(receiver.Close)
	buy := func(customer string, open time.Duration) client.WorkflowRun {
		run := b.StartWith(client.StartWorkflowOptions{ID: "cart-" + uuid.NewString()}, checkout.Checkout,
			checkout.Cart{Customer: customer, Price: "price_1", Open: open})
		var url string
		require.NoError(t, run.Get(t.Context(), &url))
		require.Equal(t, "https://pay.example/"+run.GetID(), url)
		return run
	}

	paid, expired, again := buy("ann", 0), buy("bob", 0), buy("ann", 0)
	forgotten := buy("cem", 300*time.Millisecond)
	deliver(t, receiver.URL, "checkout.session.completed", paid)
	deliver(t, receiver.URL, "checkout.session.expired", expired)
	deliver(t, receiver.URL, "checkout.session.async_payment_succeeded", again)
	for run, want := range map[client.WorkflowRun]string{paid: "paid=true", expired: "paid=false", again: "paid=true", forgotten: "paid=false"} {
		require.Equal(t, []string{want}, b.Scores(run, 1))
	}
	late, err := b.Store.Scores(t.Context(), store.Filter{Run: scoring.Run{WorkflowID: forgotten.GetID()}})
	require.NoError(t, err)
	require.Equal(t, "the window closed", late[0].Reason)

	// Every score counts for the variant that its run was assigned, which is the text that was shown.
	scores, err := b.Store.Scores(t.Context(), store.Filter{Experiment: "checkout_text", Name: "paid"})
	require.NoError(t, err)
	require.Len(t, scores, 4)
	assignments, err := b.Store.Assignments(t.Context(), "checkout_text", "1")
	require.NoError(t, err)
	require.Len(t, assignments, 4)
	shown := map[string]string{"plain": "Pay now", "safe": "Pay safely in one minute"}
	runs := map[string]client.WorkflowRun{}
	for _, r := range []client.WorkflowRun{paid, expired, again, forgotten} {
		runs[r.GetID()] = r
	}
	for _, a := range assignments {
		require.Equal(t, shown[a.Variant], stripe.text(runs[a.Run.WorkflowID]))
	}
	require.Equal(t, stripe.text(paid), stripe.text(again), "one customer, one text")
}
