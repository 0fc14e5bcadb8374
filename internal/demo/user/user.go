// Package user plays the people of the demo: it gets answers, makes up its mind, and sends its opinion through signed
// webhooks over HTTP, some at once, some late, some twice, some never. It runs in a process of its own and knows
// neither scorers nor Temporal.
package user

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/verdict-dev/verdict/webhooks"
)

// Shown is an answer as the user sees it.
type Shown struct {
	MessageID string   `json:"message_id"`
	Question  string   `json:"question"` // the question's id
	Hits      []string `json:"hits"`
}

// Options are the options of [Run].
type Options struct {
	// Receiver is the URL of the webhook receiver, Secret the key that signs its deliveries.
	Receiver, Secret string
	// Likes tells whether the user likes an answer.
	Likes func(Shown) bool
	// Seed decides who answers when.
	Seed int64
	// Slowest is the longest that a user takes. Defaults to 6 s.
	Slowest time.Duration
	// Ready is called with the address that takes answers.
	Ready func(address string)
	// Log gets a line about each delivery that had to be tried again.
	Log io.Writer
}

// Habit is how a user reacts to an answer.
type Habit int

// The habits.
const (
	AtOnce Habit = iota // tells before the answer's own workflow has heard that it was shown
	Late                // tells seconds later
	Twice               // tells late, and the same delivery comes again
	Never
)

// HabitOf returns the habit and the delay of the user who asked a question: the same in every run of a seed.
func HabitOf(question string, seed int64, slowest time.Duration) (Habit, time.Duration) {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s", seed, question)
	sum := h.Sum64() * 0x9E3779B97F4A7C15 // FNV's high bits are poor for short texts
	delay := time.Duration(sum % uint64(slowest))
	switch p := (sum >> 40) % 100; {
	case p < 40:
		return AtOnce, 0
	case p < 75:
		return Late, delay
	case p < 88:
		return Twice, delay
	default:
		return Never, 0
	}
}

// Run serves until ctx is done.
func Run(ctx context.Context, o Options) error {
	if o.Slowest == 0 {
		o.Slowest = 6 * time.Second
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p := &people{o: o, ctx: ctx, known: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /answers", p.shown)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	done := make(chan error, 1)
	go func() { done <- server.Serve(ln) }()
	if o.Ready != nil {
		o.Ready(ln.Addr().String())
	}
	select {
	case <-ctx.Done():
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = server.Shutdown(stop)
		p.pending.Wait()
		return nil
	case err := <-done:
		return err
	}
}

type people struct {
	o       Options
	ctx     context.Context
	mu      sync.Mutex
	known   map[string]bool // message ids; an answer may be shown again when a worker was lost
	pending sync.WaitGroup
}

func (p *people) shown(w http.ResponseWriter, r *http.Request) {
	var s Shown
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&s); err != nil || s.MessageID == "" {
		http.Error(w, "not an answer", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	again := p.known[s.MessageID]
	p.known[s.MessageID] = true
	p.mu.Unlock()
	habit, delay := HabitOf(s.Question, p.o.Seed, p.o.Slowest)
	if !again && habit != Never {
		p.pending.Add(1)
		tell := func() {
			defer p.pending.Done()
			p.tell(s, habit, delay)
		}
		if habit == AtOnce {
			tell()
		} else {
			go tell()
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// tell delivers the user's opinion after the delay.
func (p *people) tell(s Shown, habit Habit, delay time.Duration) {
	if !wait(p.ctx, delay) {
		return
	}
	times := 1
	if habit == Twice {
		times = 2
	}
	for range times {
		p.deliver(s)
	}
}

// deliver posts a signed webhook until it is taken.
func (p *people) deliver(s Shown) {
	at := time.Now().UTC()
	body, err := json.Marshal(map[string]any{
		"type": "answer.rated", "timestamp": at.Format(time.RFC3339Nano),
		"data": map[string]any{"name": "answer.rated", "key": s.MessageID, "value": p.o.Likes(s)},
	})
	if err != nil {
		panic(err) // a map of strings and booleans
	}
	for attempt := 0; ; attempt++ {
		err := p.post("rating-"+s.MessageID, body)
		if err == nil {
			return
		}
		if p.o.Log != nil {
			fmt.Fprintf(p.o.Log, "delivery of %s: %v; trying again\n", s.MessageID, err)
		}
		if !wait(p.ctx, min(time.Duration(attempt+1)*200*time.Millisecond, 2*time.Second)) {
			return
		}
	}
}

func (p *people) post(id string, body []byte) error {
	header, err := webhooks.Sign(p.o.Secret, id, time.Now(), body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(p.ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.o.Receiver, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header = header
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}

// wait returns false if ctx was done first.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
