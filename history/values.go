package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

// ErrNoValue: there is no such argument or result.
var ErrNoValue = errors.New("verdict: no value")

// ErrOmitted: the values were larger than [Options.MaxValues], so they were not kept.
var ErrOmitted = errors.New("verdict: the values were too large to keep")

// Values are arguments or results as the history has them: encoded, in their order. The zero Values are none.
type Values struct {
	payloads []*commonpb.Payload
	dc       converter.DataConverter
	bytes    int // of omitted ones
}

// Len is how many values there are; 0 if they are omitted.
func (v Values) Len() int { return len(v.payloads) }

// Omitted is the size in bytes of values that were too large to keep, else 0.
func (v Values) Omitted() int { return v.bytes }

// Size is how many bytes the encoded values have.
func (v Values) Size() int {
	n := v.bytes
	for _, p := range v.payloads {
		n += proto.Size(p)
	}
	return n
}

// Payloads returns the encoded values; nil if there are none.
func (v Values) Payloads() *commonpb.Payloads {
	if len(v.payloads) == 0 {
		return nil
	}
	return &commonpb.Payloads{Payloads: v.payloads}
}

// Decode decodes the first values, by the data converter of [Options], into pointers. Fewer values than pointers are [ErrNoValue],
// omitted ones [ErrOmitted].
func (v Values) Decode(to ...any) error {
	if err := v.has(len(to)); err != nil {
		return err
	}
	return v.converter().FromPayloads(&commonpb.Payloads{Payloads: v.payloads[:len(to)]}, to...)
}

func (v Values) has(n int) error {
	switch {
	case v.bytes > 0:
		return fmt.Errorf("%w: %d bytes", ErrOmitted, v.bytes)
	case n > len(v.payloads):
		return fmt.Errorf("%w: %d of them, %d are asked for", ErrNoValue, len(v.payloads), n)
	}
	return nil
}

func (v Values) converter() converter.DataConverter {
	if v.dc == nil {
		return converter.GetDefaultDataConverter()
	}
	return v.dc
}

// JSON returns value i, from 0, as compact JSON with sorted members, so that equal values have equal texts. A value that is not JSON,
// such as bytes or a protobuf message in binary form, is an error.
func (v Values) JSON(i int) (json.RawMessage, error) {
	if err := v.has(i + 1); err != nil {
		return nil, err
	}
	p := v.payloads[i]
	if data, ok := plainJSON(p); ok {
		return sorted(data)
	}
	var data json.RawMessage // a codec stands between: only the converter reads it
	if err := v.converter().FromPayload(p, &data); err != nil {
		var any any
		if err2 := v.converter().FromPayload(p, &any); err2 != nil {
			return nil, err
		}
		return json.Marshal(any)
	}
	return sorted(data)
}

// Texts returns each value as text: JSON as [Values.JSON] has it, anything else as the data converter shows it.
func (v Values) Texts() []string {
	texts := make([]string, len(v.payloads))
	for i, p := range v.payloads {
		if data, err := v.JSON(i); err == nil {
			texts[i] = string(data)
			continue
		}
		texts[i] = v.converter().ToString(p)
	}
	return texts
}

// plainJSON returns the JSON of a payload that is JSON as it stands.
func plainJSON(p *commonpb.Payload) ([]byte, bool) {
	switch string(p.GetMetadata()[converter.MetadataEncoding]) {
	case converter.MetadataEncodingJSON, converter.MetadataEncodingProtoJSON:
		return p.GetData(), true
	case converter.MetadataEncodingNil:
		return []byte("null"), true
	}
	return nil, false
}

// sorted returns JSON with its members sorted. Numbers keep their digits.
func sorted(data []byte) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, fmt.Errorf("verdict: not JSON: %w", err)
	}
	return json.Marshal(value)
}

// Decode returns the first of some values as a T: history.Decode[Answer](step.Result).
func Decode[T any](v Values) (T, error) {
	var to T
	err := v.Decode(&to)
	return to, err
}

// DecodeAt returns value i, from 0, as a T.
func DecodeAt[T any](v Values, i int) (T, error) {
	var to T
	if err := v.has(i + 1); err != nil {
		return to, err
	}
	err := v.converter().FromPayload(v.payloads[i], &to)
	return to, err
}
