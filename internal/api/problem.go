package api

import (
	"encoding/json"
	"net/http"
)

// Problem is the body of every error, application/problem+json (RFC 9457).
type Problem struct {
	// Type is a URN that names the kind of problem; it never changes.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Field is the member of the body, or the header, that is wrong.
	Field string `json:"field,omitempty"`
}

// The kinds of problems.
const (
	invalid      = "invalid"
	unauthorized = "unauthorized"
	forbidden    = "forbidden"
	notFound     = "not-found"
	ambiguous    = "ambiguous"
	conflict     = "conflict"
	wrongMethod  = "method-not-allowed"
	tooLarge     = "too-large"
	wrongType    = "unsupported-media-type"
	unavailable  = "unavailable"
)

// problem makes an error of a kind.
func problem(status int, kind, field, detail string) *Problem {
	return &Problem{Type: "urn:verdict:problem:" + kind, Title: http.StatusText(status), Status: status, Field: field, Detail: detail}
}

// Error is the detail, for logs.
func (p *Problem) Error() string { return p.Detail }

// Write answers with the problem.
func (p *Problem) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client has gone, if this fails
}
