package webhooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// Defaults of [Options].
const (
	DefaultMaxBody     = 1 << 20
	DefaultTimeout     = 5 * time.Second
	DefaultMaxInFlight = 64
)

// retryAfter is how long a sender is asked to wait before it tries again.
const retryAfter = 10 * time.Second

// Options configure what happens to verified deliveries.
type Options struct {
	// Required.

	// Mapping turns a delivery into outcomes.
	Mapping Mapping
	// Sink keeps the outcomes.
	Sink Sink

	// Optional.

	// Source names the sender in outcomes and in the ids that are made for them. Default: the verifier's Provider. Give each of
	// several senders of one scheme its own, since their delivery ids may be the same.
	Source string
	// Rejected is called for deliveries that were refused for good, for a ledger: before the sender gets its answer, and
	// from many goroutines at once. It must return soon after ctx is done. The id may be empty, and when the signature was
	// wrong it is only a claim of the request. Unauthentic requests, which anyone can send, are passed on up to 10 a
	// minute for each reason; others up to 1,000.
	Rejected func(ctx context.Context, source, deliveryID, reason string)
	// RejectedMore is called once a minute, for each reason, with the number of further refusals.
	RejectedMore func(ctx context.Context, source, reason string, n int)
	// Sender names the sender of a request, for fairness between senders. Default: the address that it comes from (of IPv6,
	// the network of 64 bits). Behind a proxy that is the proxy's: say whom it forwards for, with [Network].
	Sender func(*http.Request) string
	// MaxBody is the largest body in bytes. Default: [DefaultMaxBody].
	MaxBody int64
	// Timeout bounds the work on a request: the reading of its body, then the sink. Default: [DefaultTimeout], or less for
	// a provider that is less patient.
	Timeout time.Duration
	// MaxInFlight is how many verified requests are worked on at a time. Four times as many wait, within the Timeout; any
	// more get a 503 at once, to come back later. A body that is still on its way and one that is not authentic take none
	// of these places. Default: [DefaultMaxInFlight].
	MaxInFlight int
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
	// Logger gets a line for each delivery that was not held, and for each call of Rejected and RejectedMore. No line has
	// a body or a secret. Default: none.
	Logger *slog.Logger
}

func (o Options) withDefaults(s Scheme, v Verifier) Options {
	if o.Source == "" {
		o.Source = v.Provider()
	}
	if o.MaxBody == 0 {
		o.MaxBody = DefaultMaxBody
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
		if p, ok := s.(interface{ patience() time.Duration }); ok {
			o.Timeout = p.patience()
		}
	}
	if o.MaxInFlight == 0 {
		o.MaxInFlight = DefaultMaxInFlight
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rejected == nil {
		o.Rejected = func(context.Context, string, string, string) {}
	}
	if o.RejectedMore == nil {
		o.RejectedMore = func(context.Context, string, string, int) {}
	}
	if o.Sender == nil {
		o.Sender = senderOf
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) validate() error {
	switch {
	case o.Mapping == nil:
		return scoring.Invalid("mapping", "is required")
	case o.Sink == nil:
		return scoring.Invalid("sink", "is required")
	case o.MaxBody < 0:
		return scoring.Invalid("max body", "%d is negative", o.MaxBody)
	case o.Timeout < 0:
		return scoring.Invalid("timeout", "%s is negative", o.Timeout)
	case o.MaxInFlight < 0:
		return scoring.Invalid("max in flight", "%d is negative", o.MaxInFlight)
	}
	return scoring.CheckKey("source", o.Source)
}

type handler struct {
	Options
	verifier Verifier
	// handshake answers OPTIONS; nil when the scheme has no handshake.
	handshake http.HandlerFunc
	arriving  arrivals
	slots     chan struct{}
	waiting   atomic.Int64
	refusals  sample
	away      sample // of requests that were sent away because no slot was free
}

// New returns a handler that receives the deliveries of a scheme. It refuses a scheme without a secret, options without a
// mapping or sink, and anything out of range, with a [scoring.InvalidError].
//
// The handler is an [io.Closer]: Close passes the refusals counted since the last call to Options.RejectedMore.
func New(s Scheme, o Options) (http.Handler, error) {
	if s == nil {
		return nil, scoring.Invalid("scheme", "is required")
	}
	v, err := s.Verifier()
	if err != nil {
		return nil, err
	}
	o = o.withDefaults(s, v)
	if err := o.validate(); err != nil {
		return nil, err
	}
	h := &handler{Options: o, verifier: v, arriving: arrivals{limit: maxArriving}, slots: make(chan struct{}, o.MaxInFlight)}
	h.refusals = sample{one: h.refused, more: h.refusedMore}
	h.away = sample{one: h.sentAway, more: h.sentAwayMore}
	if s, ok := s.(interface {
		handshake(w http.ResponseWriter, r *http.Request)
	}); ok {
		h.handshake = s.handshake
	}
	return h, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// A token may be in the URL, so no cache may keep the answer.
	w.Header().Set("Cache-Control", "private, no-store")
	allow := http.MethodPost
	if h.handshake != nil {
		allow = "POST, OPTIONS"
	}
	switch {
	case r.Method == http.MethodOptions && h.handshake != nil:
		w.Header().Set("Allow", allow)
		h.handshake(w, r)
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", allow)
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	h.receive(w, r)
}

// maxArriving is how many bodies may be on their way at a time.
const maxArriving = 256

// waitersPerSlot is how many verified requests may wait for each slot.
const waitersPerSlot = 4

// slot waits for a place among the requests that are worked on. GitHub sends a delivery once, so one that has to wait a
// moment is not sent away at once.
func (h *handler) slot(ctx context.Context) (leave func(), ok bool) {
	leave = func() { <-h.slots }
	select {
	case h.slots <- struct{}{}:
		return leave, true
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > int64(waitersPerSlot*h.MaxInFlight) {
		return nil, false
	}
	select {
	case h.slots <- struct{}{}:
		return leave, true
	case <-ctx.Done():
		return nil, false
	}
}

func (h *handler) receive(w http.ResponseWriter, r *http.Request) {
	// A sender that hangs up early must not cancel its delivery.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), h.Timeout)
	defer cancel()
	body, err := h.read(w, r)
	if errors.Is(err, errGivenUp) {
		h.away.refused(ctx, "", "too many bodies are on their way, and this one was the slowest", false)
		h.later(w, "too many deliveries under way")
		return
	}
	req := Request{Header: r.Header, Query: r.URL.Query(), Body: body, At: h.Now()}
	if err == nil {
		err = h.verifier.Verify(req)
	}
	verified := err == nil
	var parsed Parsed
	if verified {
		parsed, err = h.verifier.Parse(req)
	}
	refused := refusals(err)
	reason := ""
	for _, r := range refused {
		reason = r.Reason
		h.refusals.refused(ctx, clip(r.DeliveryID, scoring.MaxOutcomeID), reason, verified)
	}
	if len(refused) > 0 && len(parsed.Deliveries) == 0 {
		http.Error(w, reason, refused[len(refused)-1].Status)
		return
	}
	leave, ok := h.slot(ctx)
	if !ok {
		h.away.refused(ctx, "", "too many deliveries under way", true)
		h.later(w, "too many deliveries under way")
		return
	}
	defer leave()
	h.deliver(ctx, w, parsed, reason)
}

// errGivenUp tells that a body was given up for others.
var errGivenUp = errors.New("given up")

// refusals returns the refusals of one request: several when events of a batch could not be read.
func refusals(err error) []*VerifyError {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*VerifyError
		for _, e := range joined.Unwrap() {
			all = append(all, refusals(e)...)
		}
		return all
	}
	var r *VerifyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &r):
		return []*VerifyError{r}
	default: // a user's own scheme
		return []*VerifyError{{Status: http.StatusBadRequest, Reason: err.Error()}}
	}
}

// read reads the body within the limits of size and time.
func (h *handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > h.MaxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "body is over %d bytes", h.MaxBody)
	}
	// A slow sender would keep its connection for ever. Test recorders have no deadline; a server's connections have one,
	// which it resets for each request.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.Timeout))
	arrival := h.arriving.enter(h.Sender(r), cutter(w))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.MaxBody))
	gaveUp := h.arriving.leave(arrival)
	switch {
	case err != nil && gaveUp:
		return nil, errGivenUp
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, refuse(http.StatusRequestEntityTooLarge, "body is over %d bytes", h.MaxBody)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "body did not arrive in %s", h.Timeout)
	case err != nil:
		return nil, refuse(http.StatusBadRequest, "body did not arrive")
	}
	return body, nil
}

// A request has at most maxBatch events, and carriers of them are handed over at a time: a batch that takes longer than
// the sender waits would start from scratch with every attempt.
const (
	maxBatch = 1000
	carriers = 16
)

// deliver hands every outcome to the sink. One that is refused for good does not keep the others of a batch from being
// held, and neither does one that fails: the sender comes again with all of them, and outcomes that are held already
// stay. A sink that is down ends the work. reason says why some of the request's events could not be read, if any.
func (h *handler) deliver(ctx context.Context, w http.ResponseWriter, parsed Parsed, reason string) {
	if n := len(parsed.Deliveries); n > maxBatch {
		why := fmt.Sprintf("%d events, at most %d are taken at a time", n, maxBatch)
		h.refusals.refused(ctx, "", why, true)
		http.Error(w, why, http.StatusRequestEntityTooLarge)
		return
	}
	var mu sync.Mutex // guards the variables below
	held, failed := 0, 0
	refused := func(d Delivery, err error) {
		why := err.Error()
		h.refusals.refused(ctx, clip(d.ID, scoring.MaxOutcomeID), why, true)
		mu.Lock()
		defer mu.Unlock()
		reason = why
	}
	carrying, cancel := context.WithCancel(ctx)
	defer cancel()
	var all sync.WaitGroup
	turn := make(chan struct{}, carriers)
	for _, d := range parsed.Deliveries {
		outcomes, err := h.outcomes(d)
		if err != nil {
			refused(d, err)
			continue
		}
		for _, o := range outcomes {
			turn <- struct{}{}
			all.Go(func() {
				defer func() { <-turn }()
				err := h.Sink.Deliver(carrying, o)
				if errors.As(err, new(*scoring.InvalidError)) {
					refused(d, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					held++
					return
				}
				if failed++; failed == 1 {
					h.Logger.Error("webhook not held", "source", o.Source, "delivery", d.ID, "outcome", o.ID, "error", err)
				}
				if failed >= carriers && held == 0 {
					cancel()
				}
			})
		}
	}
	all.Wait()
	if failed > 0 {
		h.later(w, "not held, try again")
		return
	}
	switch {
	case reason != "":
		http.Error(w, reason, http.StatusBadRequest)
	case parsed.Answer != nil:
		reply(w, http.StatusOK, *parsed.Answer)
	case parsed.Ignored != "":
		h.Logger.Info("webhook is not for us", "source", h.Source, "reason", parsed.Ignored)
		reply(w, http.StatusAccepted, "not for us: "+parsed.Ignored+"\n")
	case held == 0:
		reply(w, http.StatusAccepted, "not for us\n")
	default:
		reply(w, http.StatusOK, "held\n")
	}
}

// outcomes maps a delivery, fills in the fields that the mapping left empty, and checks all outcomes before any is
// delivered.
func (h *handler) outcomes(d Delivery) ([]scoring.Outcome, error) {
	outcomes, err := h.Mapping(d)
	if err != nil {
		return nil, err
	}
	// A mapping may return the same slice in several calls.
	outcomes = slices.Clone(outcomes)
	for i := range outcomes {
		o := &outcomes[i]
		if o.ID == "" {
			o.ID = outcomeID(h.Source, d.ID, i)
		}
		if o.Source == "" {
			o.Source = h.Source
		}
		if o.ObservedAt.IsZero() {
			o.ObservedAt = d.ObservedAt
		}
		o.ReceivedAt = d.ReceivedAt
		if err := o.Validate(); err != nil {
			return nil, err
		}
	}
	return outcomes, nil
}

// outcomeID returns the id of a delivery's outcome: the same for every copy of the delivery. An id that is too long is
// replaced by its hash rather than refused: the event is still an event.
func outcomeID(source, delivery string, index int) string {
	id := source + ":" + delivery
	if index > 0 {
		id = fmt.Sprintf("%s[%d]:%s", source, index, delivery)
	}
	if len(id) <= scoring.MaxOutcomeID {
		return id
	}
	return bodyID([]byte(id))
}

// refused reports a refusal to the log and the ledger.
func (h *handler) refused(ctx context.Context, deliveryID, reason string) {
	h.Logger.Warn("webhook refused", "source", h.Source, "delivery", deliveryID, "reason", reason)
	h.Rejected(ctx, h.Source, deliveryID, clip(reason, scoring.MaxReason))
}

// refusedMore reports n refusals that were not reported one by one.
func (h *handler) refusedMore(ctx context.Context, reason string, n int) {
	h.Logger.Warn("webhooks refused", "source", h.Source, "more", n, "reason", reason)
	h.RejectedMore(ctx, h.Source, reason, n)
}

func (h *handler) sentAway(_ context.Context, _, reason string) {
	h.Logger.Warn("webhook turned away: too many in progress", "source", h.Source, "reason", reason, "limit", h.MaxInFlight)
}

func (h *handler) sentAwayMore(_ context.Context, reason string, n int) {
	h.Logger.Warn("webhooks turned away: too many in progress", "source", h.Source, "more", n, "reason", reason)
}

// Close reports the refusals that are only counted so far. Requests may still come.
func (h *handler) Close() error {
	h.refusals.flush()
	h.away.flush()
	return nil
}

// later asks the sender to try again.
func (h *handler) later(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	http.Error(w, why, http.StatusServiceUnavailable)
}

func reply(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
