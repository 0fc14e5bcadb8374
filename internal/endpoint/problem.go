package endpoint

import (
	"cmp"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

// Refusal is an answer of the API that is no success.
type Refusal struct {
	// Status is the HTTP status, 300 to 599.
	Status int
	// Type is the kind of problem, such as urn:verdict:problem:unauthorized. Empty: no Verdict worker answered, but perhaps a
	// proxy before it.
	Type string
	// Field is the wrong parameter or header; empty for none. Detail explains the refusal, in at most 500 bytes.
	Field, Detail string
}

// NotFound is the kind of problem of something that there is not.
const NotFound = "urn:verdict:problem:not-found"

func (r *Refusal) Error() string {
	said := cmp.Or(r.Detail, http.StatusText(r.Status))
	if r.Field != "" {
		said = r.Field + ": " + said
	}
	return fmt.Sprintf("the endpoint answers %d: %s", r.Status, said)
}

// Is makes the refusal of something that there is not a store.ErrNotFound. A 404 of another server, or of a wrong base URL, is none.
func (r *Refusal) Is(target error) bool { return target == store.ErrNotFound && r.Type == NotFound }

// refusal reads an answer.
func refusal(r *http.Response, body []byte) *Refusal {
	out := &Refusal{Status: r.StatusCode}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && media == "application/problem+json" {
		var said struct{ Type, Detail, Field string }
		if json.Unmarshal(body, &said) == nil {
			out.Type, out.Field, out.Detail = said.Type, said.Field, scoring.Clip(said.Detail, 500)
			return out
		}
	}
	out.Detail = scoring.Clip(string(body), 500)
	return out
}
