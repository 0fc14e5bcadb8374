package strictjson

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// Members is [Check] for another party's object when only some members are read: the members with the given names, in
// any case of letters, as encoding/json reads them into a struct; without names, all of them, exactly. Each may appear
// once, and if it is a text, the text must have whole characters. Deeper levels are not checked.
func Members(data []byte, names ...string) error {
	if !utf8.Valid(data) {
		return &Error{Reason: "the text is not UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return &Error{Reason: "the text is not a JSON object"}
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return &Error{Reason: "the text is not JSON: " + err.Error()}
		}
		name, _ := token.(string)
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return &Error{Member: name, Reason: err.Error()}
		}
		same := name
		if len(names) > 0 {
			i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
			if i < 0 {
				continue
			}
			same = names[i]
		}
		if seen[same] {
			return &Error{Member: name, Reason: "it appears twice"}
		}
		seen[same] = true
		if raw[0] == '"' && loneSurrogate(raw) {
			return &Error{Member: name, Reason: "an escape is half a character"}
		}
	}
	return nil
}
