package service

import (
	"context"
	"strings"
)

var answers = map[string]string{
	"open": "We are open from nine to five.",
	"post": "We post parcels on the day of the order.",
}

// Look looks up an answer.
func Look(_ context.Context, question string) (string, error) {
	for word, answer := range answers {
		if strings.Contains(strings.ToLower(question), word) {
			return answer, nil
		}
	}
	return "We do not know.", nil
}
