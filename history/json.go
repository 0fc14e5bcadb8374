package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
)

// FromJSON are the events of a history in JSON, one at a time: memory is for one event, and not for the file. It reads what
// "temporal workflow show --output json" and the UI's download write, what the server's archivers write to files (a list of batches) and
// to object stores (batches with a header), and such documents one after the other. Fields of a later release are ignored.
func FromJSON(from io.Reader) Events {
	return func(yield func(*historypb.HistoryEvent, error) bool) {
		d := &documents{dec: json.NewDecoder(from), yield: yield}
		for {
			switch err := d.value(); {
			case errors.Is(err, errStop), errors.Is(err, io.EOF) && d.depth == 0:
				return
			case errors.Is(err, io.EOF):
				yield(nil, fmt.Errorf("verdict: the history ends in the middle: %w", io.ErrUnexpectedEOF))
				return
			case err != nil:
				yield(nil, fmt.Errorf("verdict: not a history in JSON: %w", err))
				return
			}
		}
	}
}

var errStop = errors.New("no more events are wanted")

// documents walks JSON documents that have events in them.
type documents struct {
	dec   *json.Decoder
	yield func(*historypb.HistoryEvent, error) bool
	depth int
}

// value reads a list of events or batches, or an object that has one.
func (d *documents) value() error {
	token, err := d.dec.Token()
	if err != nil {
		return err
	}
	d.depth++
	switch token {
	case json.Delim('['):
		for d.dec.More() {
			if err := d.element(); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		if err := d.members(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%v is neither an object nor a list", token)
	}
	_, err = d.dec.Token() // its end
	d.depth--
	return err
}

// members reads the members of an object up to its end.
func (d *documents) members() error {
	for d.dec.More() {
		key, err := d.dec.Token()
		if err != nil {
			return err
		}
		switch key {
		case "events", "history", "body":
			if err := d.value(); err != nil {
				return err
			}
		default:
			var skipped json.RawMessage
			if err := d.dec.Decode(&skipped); err != nil {
				return err
			}
		}
	}
	return nil
}

// element reads an event, or a batch of them.
func (d *documents) element() error {
	var raw json.RawMessage
	if err := d.dec.Decode(&raw); err != nil {
		return err
	}
	if bytes.Contains(raw, []byte(`"events"`)) {
		var batch struct{ Events []json.RawMessage }
		if err := json.Unmarshal(raw, &batch); err != nil {
			return err
		}
		if batch.Events != nil {
			for _, e := range batch.Events {
				if err := d.event(e); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return d.event(raw)
}

func (d *documents) event(raw json.RawMessage) error {
	e := &historypb.HistoryEvent{}
	if err := (temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}).Unmarshal(raw, e); err != nil {
		return err
	}
	if !d.yield(e, nil) {
		return errStop
	}
	return nil
}
