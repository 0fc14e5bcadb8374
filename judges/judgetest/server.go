package judgetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Request is a chat completion request that a [Server] got.
type Request struct {
	// Header and Body are the request as it came.
	Header http.Header
	Body   []byte

	// The rest is read from Body.

	Model    string
	Messages []Message
	// Format is response_format.type, Schema response_format.json_schema.schema, each empty if it was not sent.
	Format string
	Schema json.RawMessage
}

// Message is one message of a request.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Blocks returns the texts of the data blocks with the given label, such as "output", as [judges.Fence] wrote them, in
// the order of the messages. A stand-in for a model reads with it the texts that it must judge.
func (r Request) Blocks(label string) []string {
	begin := regexp.MustCompile(`(?m)^\[BEGIN DATA ` + regexp.QuoteMeta(label) + ` (\S+)\]\n`)
	var blocks []string
	for _, m := range r.Messages {
		rest := m.Content
		for at := begin.FindStringSubmatchIndex(rest); at != nil; at = begin.FindStringSubmatchIndex(rest) {
			end := "\n[END DATA " + label + " " + rest[at[2]:at[3]] + "]"
			text, after, found := strings.Cut(rest[at[1]:], end)
			if !found {
				break
			}
			blocks = append(blocks, text)
			rest = after
		}
	}
	return blocks
}

// Reply is an answer of a [Server]. The zero Reply is a completion with an empty text.
type Reply struct {
	// Content is the text of the completion. Refusal, when set, is the model's refusal.
	Content string
	Refusal string
	// FinishReason is "stop" when empty.
	FinishReason string
	// PromptTokens and CompletionTokens are the usage that is reported.
	PromptTokens     int
	CompletionTokens int
	// NoChoices leaves out the completion.
	NoChoices bool

	// Status is 200 when 0. Header is added to the answer's.
	Status int
	Header http.Header
	// Body, when set, is the whole answer instead of a completion.
	Body string
	// Hang answers nothing until the client goes away or the server closes.
	Hang bool
	// Drop closes the connection without an answer.
	Drop bool
}

// Answer returns a reply with a text.
func Answer(content string) Reply { return Reply{Content: content} }

// Failure returns a reply with an error in the protocol's form.
func Failure(status int, code, message string) Reply {
	body, _ := json.Marshal(map[string]any{"error": map[string]any{"message": message, "type": code, "code": code}})
	return Reply{Status: status, Body: string(body)}
}

// Sequence returns a function that answers with replies one after the other, the last one for ever.
func Sequence(replies ...Reply) func(Request) Reply {
	var mu sync.Mutex
	next := 0
	return func(Request) Reply {
		mu.Lock()
		defer mu.Unlock()
		if len(replies) == 0 {
			return Failure(http.StatusNotImplemented, "no_script", "the script has no replies")
		}
		reply := replies[min(next, len(replies)-1)]
		next++
		return reply
	}
}

// Heuristic returns a function that answers with a text computed from the request, and with a plausible usage. It
// replaces a model in tests and demos.
func Heuristic(answer func(Request) string) func(Request) Reply {
	return func(r Request) Reply {
		reply := Answer(answer(r))
		// Four bytes a token is the usual rule of thumb.
		reply.PromptTokens = len(r.Body) / 4
		reply.CompletionTokens = len(reply.Content) / 4
		return reply
	}
}

// Server is a server on the loopback interface that speaks POST /v1/chat/completions. It is safe for concurrent use.
type Server struct {
	// URL is the base URL for a client, ending in "/v1".
	URL string

	respond func(Request) Reply
	server  *http.Server
	served  chan struct{}

	mu       sync.Mutex
	requests []Request
}

// NewServer starts a server that answers with respond, which is called concurrently. See [Sequence] and [Heuristic].
// The caller closes it.
func NewServer(respond func(Request) Reply) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("judgetest: %w", err)
	}
	s := &Server{
		URL:     "http://" + listener.Addr().String() + "/v1",
		respond: respond,
		served:  make(chan struct{}),
	}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(s.served)
		_ = s.server.Serve(listener) // always an error; after Close the expected one
	}()
	return s, nil
}

// Close ends the server and the answers in progress.
func (s *Server) Close() {
	_ = s.server.Close()
	<-s.served
}

// Requests returns the requests so far, in the order of arrival.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP answers one request, so that the server can be mounted elsewhere too.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || !strings.HasSuffix(r.URL.Path, "/chat/completions") {
		http.NotFound(w, r)
		return
	}
	req, err := read(r)
	if err != nil {
		reply(w, Failure(http.StatusBadRequest, "invalid_request_error", err.Error()), "")
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, req)
	s.mu.Unlock()

	answer := s.respond(req)
	switch {
	case answer.Drop:
		panic(http.ErrAbortHandler)
	case answer.Hang:
		<-r.Context().Done()
	default:
		reply(w, answer, req.Model)
	}
}

func read(r *http.Request) (Request, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Request{}, err
	}
	var parsed struct {
		Model          string    `json:"model"`
		Messages       []Message `json:"messages"`
		ResponseFormat struct {
			Type       string `json:"type"`
			JSONSchema struct {
				Schema json.RawMessage `json:"schema"`
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := json.Unmarshal(body, &parsed); err != nil {
		return Request{}, err
	}
	return Request{
		Header:   r.Header.Clone(),
		Body:     body,
		Model:    parsed.Model,
		Messages: parsed.Messages,
		Format:   parsed.ResponseFormat.Type,
		Schema:   parsed.ResponseFormat.JSONSchema.Schema,
	}, nil
}

func reply(w http.ResponseWriter, r Reply, model string) {
	for name, values := range r.Header {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	if r.Body != "" {
		_, _ = io.WriteString(w, r.Body)
		return
	}
	choices := []any{}
	if !r.NoChoices {
		message := map[string]any{"role": "assistant", "content": r.Content}
		if r.Refusal != "" {
			message["content"], message["refusal"] = nil, r.Refusal
		}
		reason := r.FinishReason
		if reason == "" {
			reason = "stop"
		}
		choices = append(choices, map[string]any{"index": 0, "message": message, "finish_reason": reason})
	}
	// If the client has gone, there is nothing left to do.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id":                 "chatcmpl-test",
		"object":             "chat.completion",
		"model":              model,
		"system_fingerprint": "fp_test",
		"choices":            choices,
		"usage": map[string]any{
			"prompt_tokens":     r.PromptTokens,
			"completion_tokens": r.CompletionTokens,
			"total_tokens":      r.PromptTokens + r.CompletionTokens,
		},
	})
}
