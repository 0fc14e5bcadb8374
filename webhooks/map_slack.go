package webhooks

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/scoring"
)

// The names of the outcomes of [Reactions].
const (
	ReactionAdded   = "message.reaction_added"
	ReactionRemoved = "message.reaction_removed"
)

// Reactions is the mapping for Slack's reaction_added and reaction_removed events on messages. The key is [MessageKey].
//
//	reaction_added    message.reaction_added    true
//	reaction_removed  message.reaction_removed  false
//
// The value says whether the reaction is present now. The payload is an object with reaction (such as "+1", without the
// skin tone), user and author; the scorer's predicate decides what a reaction means. Reactions to files are ignored.
func Reactions(d Delivery) ([]scoring.Outcome, error) {
	name := ""
	switch d.Type {
	case "reaction_added":
		name = ReactionAdded
	case "reaction_removed":
		name = ReactionRemoved
	default:
		return nil, nil
	}
	var e struct {
		Event struct {
			User     string `json:"user"`
			Reaction string `json:"reaction"`
			ItemUser string `json:"item_user"`
			EventTS  string `json:"event_ts"`
			Item     struct {
				Type    string `json:"type"`
				Channel string `json:"channel"`
				TS      string `json:"ts"`
			} `json:"item"`
		} `json:"event"`
	}
	if err := json.Unmarshal(d.Body, &e); err != nil {
		return nil, scoring.Invalid("body", "%s", clip(err.Error(), 200))
	}
	in := e.Event
	if in.Item.Type != "message" {
		return nil, nil
	}
	if in.Item.Channel == "" || in.Item.TS == "" || in.Reaction == "" {
		return nil, scoring.Invalid("body", "has no channel, message or reaction")
	}
	base, _, _ := strings.Cut(in.Reaction, "::")
	payload, err := json.Marshal(struct {
		Reaction string `json:"reaction"`
		User     string `json:"user,omitempty"`
		Author   string `json:"author,omitempty"`
	}{base, in.User, in.ItemUser})
	return []scoring.Outcome{{
		Name:       name,
		Key:        MessageKey(in.Item.Channel, in.Item.TS),
		Value:      scoring.BoolValue(name == ReactionAdded),
		Payload:    payload,
		ObservedAt: slackTime(in.EventTS),
	}}, err
}

// slackTime reads "seconds.microseconds", and returns the zero time for anything else.
func slackTime(s string) time.Time {
	seconds, fraction, _ := strings.Cut(s, ".")
	at, ok := unixTime(seconds)
	if !ok {
		return time.Time{}
	}
	micros, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil || len(fraction) != 6 {
		return at
	}
	return at.Add(time.Duration(micros) * time.Microsecond)
}
