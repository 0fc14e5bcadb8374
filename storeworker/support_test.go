package storeworker_test

import (
	"fmt"
	"strings"
	"sync/atomic"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
)

// counted counts how often something is encoded.
type counted struct {
	converter.DataConverter
	n atomic.Int32
}

func (c *counted) ToPayloads(values ...any) (*commonpb.Payloads, error) {
	c.n.Add(1)
	return c.DataConverter.ToPayloads(values...)
}

func contains(text string, all ...string) error {
	for _, part := range all {
		if !strings.Contains(text, part) {
			return fmt.Errorf("no %q in %s", part, text)
		}
	}
	return nil
}
