package service

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"

	"github.com/verdict-dev/verdict"
	"github.com/verdict-dev/verdict/scoring"
)

// Feedback is a thumb about an answer: the message id from our own pages, the token from anywhere else.
type Feedback struct {
	MessageID string `json:"message_id"`
	Token     string `json:"token"`
	Reader    string `json:"reader"` // whose thumb it is; a reader who changes his mind revises it
	Up        bool   `json:"up"`
}

// Handler serves POST /questions and POST /feedback.
func Handler(c client.Client, v *verdict.Client, taskQueue string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /questions", func(w http.ResponseWriter, r *http.Request) {
		var q Question
		if !read(w, r, &q) {
			return
		}
		q.MessageID = "message-" + uuid.NewString()
		run, err := c.ExecuteWorkflow(r.Context(), client.StartWorkflowOptions{ID: q.MessageID, TaskQueue: taskQueue}, Answer, q)
		var reply Reply
		if err == nil {
			err = run.Get(r.Context(), &reply)
		}
		if err != nil {
			http.Error(w, "no answer", http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(reply)
	})
	mux.HandleFunc("POST /feedback", func(w http.ResponseWriter, r *http.Request) {
		var f Feedback
		if !read(w, r, &f) {
			return
		}
		var about verdict.Target = verdict.Key(f.MessageID)
		if f.Token != "" {
			about = verdict.Token(f.Token)
		}
		err := v.Score(r.Context(), about, "thumbs_up", f.Up, verdict.Keyed("reader/"+f.Reader))
		switch {
		case err == nil:
			w.WriteHeader(http.StatusNoContent)
		case errors.As(err, new(*scoring.InvalidError)):
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			http.Error(w, "not recorded, try again", http.StatusServiceUnavailable)
		}
	})
	return mux
}

// read decodes a request's body, and answers if it cannot.
func read(w http.ResponseWriter, r *http.Request, to any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(to)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
	return err == nil
}
