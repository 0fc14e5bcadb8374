package openai_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/judgetest"
	"github.com/verdict-dev/verdict/judges/openai"
)

// The server here is a local stand-in; leave out BaseURL for OpenAI's.
func ExampleNew() {
	server, err := judgetest.NewServer(judgetest.Sequence(
		judgetest.Answer(`{"rationale":"both name the capital","verdict":"agrees"}`),
		judgetest.Answer(`I would say it agrees.`),
	))
	if err != nil {
		panic(err)
	}
	defer server.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()

	j, err := openai.New(openai.Options{
		Rubric: judges.Rubric{
			Name:          "factuality",
			Instructions:  "Does the output agree with the expected answer?",
			Choices:       map[string]float64{"agrees": 1, "differs": 0},
			NeedsExpected: true,
		},
		Model:      "gpt-4.1-mini",
		BaseURL:    server.URL,
		HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		panic(err)
	}
	for range 2 {
		v, err := j.Judge(context.Background(), judges.Sample{
			Input: "What is the capital of France?", Output: "Paris", Expected: []string{"It is Paris."},
		})
		if err != nil {
			panic(err)
		}
		s := v.Score("factuality")
		fmt.Println(s.State, s.Value, s.Reason)
	}
	// Output:
	// scored 1 both name the capital
	// not_applicable  malformed: the reply is not one JSON value: not valid JSON
}
