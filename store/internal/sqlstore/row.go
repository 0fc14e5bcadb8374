package sqlstore

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// encode returns a row as the domain has it, in JSON. Text that JSON cannot hold has been refused or mended before.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // a payload stays as its source wrote it
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("encode a row: %w", err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}

func decode[T any](doc string) (v T, err error) {
	if err = json.Unmarshal([]byte(doc), &v); err != nil {
		err = fmt.Errorf("decode a row: %w", err)
	}
	return v, err
}
