package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Value reads text as one JSON value, as encoding/json does, but keeps the spelling of numbers ([json.Number]) and
// refuses an object that has a key twice; the standard decoder silently picks one. Keys that differ in case are two.
func Value(text string) (any, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("not valid UTF-8")
	}
	// The decoder's tokens are laxer than the grammar and know no limit of depth; this is neither.
	//workflowcheck:ignore a function of the text
	if !json.Valid([]byte(text)) {
		return nil, errors.New("not valid JSON")
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	return value(dec) //workflowcheck:ignore a function of the text
}

func value(dec *json.Decoder) (any, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for dec.More() {
			v, err := value(dec)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := dec.Token()
		return list, err
	case json.Delim('{'):
		object := map[string]any{}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, err
			}
			name := key.(string) // the grammar was checked
			if _, twice := object[name]; twice {
				return nil, fmt.Errorf("key %.40q appears twice", name)
			}
			if object[name], err = value(dec); err != nil {
				return nil, err
			}
		}
		_, err := dec.Token()
		return object, err
	}
	return token, nil
}
