package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// maxBody bounds how much of an answer is read: a few thousand tokens are a few kilobytes.
const maxBody = 4 << 20

// answerError is an error that a server answers with, in any of the forms that servers have for one.
type answerError struct {
	status  int         // of HTTP; 200 too
	header  http.Header // for how long to wait
	codes   []string    // what names it: code, type
	param   string      // the parameter that it is about
	message string
}

func (e *answerError) Error() string { return e.message }

// wire is the client below the protocol: it finds the errors in answers itself, since servers answer with forms of errors, and with a
// status 200, that the protocol's client takes for something else; and it mends numbers that the client does not read.
type wire struct{ client *http.Client }

// Do returns an *answerError for each answer that is not a completion.
func (w wire) Do(r *http.Request) (*http.Response, error) {
	response, err := w.client.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, response.Body, maxBody))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, &unreadError{err}
	}
	if e := errorIn(response, body); e != nil {
		return nil, e
	}
	response.Body = io.NopCloser(bytes.NewReader(wholeNumbers(body)))
	return response, nil
}

// unreadError is an answer that began and cannot be read to its end.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

// errorIn returns the error that an answer is; nil if it is none.
func errorIn(r *http.Response, body []byte) *answerError {
	e := &answerError{status: r.StatusCode, header: r.Header}
	failed := r.StatusCode < 200 || r.StatusCode > 299
	var all []json.RawMessage
	if json.Unmarshal(body, &all) == nil && len(all) == 1 { // some servers wrap an error in a list
		body = all[0]
	}
	var answer struct {
		Error   json.RawMessage `json:"error"`
		Object  string          `json:"object"`
		Choices []struct {
			FinishReason string          `json:"finish_reason"`
			Error        json.RawMessage `json:"error"`
		} `json:"choices"`
	}
	switch err := json.Unmarshal(body, &answer); {
	case err != nil && !failed:
		return nil // the protocol's client says why
	case err != nil:
		e.message = string(body)
	case e.read(answer.Error):
	case len(answer.Choices) > 0 && (e.read(answer.Choices[0].Error) || answer.Choices[0].FinishReason == "error"):
	case failed, answer.Object == "error":
		e.read(body) // the error is the whole answer
	default:
		return nil
	}
	if e.message == "" {
		e.message = "the server says that there was an error"
	}
	return e
}

// read reads an error: a text, or an object in one of several forms. It tells whether there is one.
func (e *answerError) read(raw json.RawMessage) bool {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		e.message = text
		return text != ""
	}
	var object struct {
		Message any `json:"message"`
		Detail  any `json:"detail"`
		Code    any `json:"code"`
		Type    any `json:"type"`
		Param   any `json:"param"`
		Status  any `json:"status"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return false
	}
	for _, m := range []any{object.Message, object.Detail} {
		if m != nil && e.message == "" {
			e.message = said(m)
		}
	}
	for _, code := range []any{object.Code, object.Type, object.Status} {
		if code != nil {
			e.codes = append(e.codes, said(code))
		}
	}
	e.param = said(object.Param)
	return e.message != "" || len(e.codes) > 0
}

// said is a part of an error as a text.
func said(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// about tells whether an error is about a parameter of the request that the server does not take.
func (e *answerError) about(param string) bool {
	refused := e.status == http.StatusBadRequest || e.status == http.StatusUnprocessableEntity
	return refused && (e.param == param || strings.Contains(e.message, param))
}

// wholeNumbers writes the numbers of a JSON text that are whole, as 12.0 is, without a fraction: the protocol's client refuses a count
// of tokens that is one.
func wholeNumbers(body []byte) []byte {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || !whole(&v) {
		return body
	}
	again, err := json.Marshal(v)
	if err != nil {
		return body
	}
	return again
}

// whole makes the numbers in a value whole that can be, and tells whether there was one.
func whole(v *any) (changed bool) {
	switch x := (*v).(type) {
	case json.Number:
		if !strings.ContainsAny(x.String(), ".eE") {
			return false
		}
		f, err := x.Float64()
		if n := int64(f); err == nil && f == float64(n) && -1<<53 < n && n < 1<<53 {
			*v = n
			return true
		}
	case []any:
		for i := range x {
			changed = whole(&x[i]) || changed
		}
	case map[string]any:
		for k, e := range x {
			if whole(&e) {
				x[k], changed = e, true
			}
		}
	}
	return changed
}
