package history_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/verdict-dev/verdict/history"
	"github.com/verdict-dev/verdict/judges"
)

// The history of an agent, as "temporal workflow show --output json" exports it. From a server it is
// history.Fetch(ctx, history.Server(client), run, history.Options{}).
func exportedAgent() *history.Run {
	file, err := os.Open("testdata/agent.json")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	run, err := history.Read(history.FromJSON(file), history.Options{})
	if err != nil {
		log.Fatal(err)
	}
	return run
}

func Example() {
	run := exportedAgent()
	fmt.Println(run.Type, run.Status)
	for step := range run.Activities() {
		fmt.Printf("%s %s, attempts %d", step.Type, step.Status, step.Attempts)
		if root := step.Failure.Root(); root != nil {
			fmt.Printf(", last error %s", root.Type)
		}
		fmt.Println()
	}
	passages, err := history.Decode[[]string](run.Last("search").Result)
	fmt.Println(passages, err)
	// Output:
	// agent completed
	// search completed, attempts 1
	// search completed, attempts 1
	// search completed, attempts 1
	// charge completed, attempts 3, last error CardBusy
	// refund failed, attempts 1, last error Closed
	// think completed, attempts 1
	// answer completed, attempts 1
	// [bonds pay en a] <nil>
}

// The ready-made scorers look at how a run behaved.
func ExampleBehaviour() {
	run := exportedAgent()
	for _, scorer := range []history.Scorer{history.Succeeded(), history.Retries(), history.Wasted(), history.Loops(), history.Tokens()} {
		records, err := scorer.Records(context.Background(), run)
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range records {
			fmt.Println(strings.TrimSpace(fmt.Sprint(r.Name, " ", r.Value, " ", strings.ReplaceAll(r.Reason, "\n", "; "))))
		}
	}
	// Output:
	// succeeded true
	// retries 2 charge CardBusy: 2
	// wasted_attempts 3 charge CardBusy: 2; refund Closed: 1
	// repeated_calls 1 search: 1
	// tokens 1380 claude-x-1: 1160; gpt-4o-2024-08-06: 220
}

// An answer is judged against the passages that an earlier step retrieved. The workflow's code does not know.
func ExampleJudged() {
	grounded, err := judges.Of(judges.ID{Name: "grounded", Version: "1"}, func(answer, passages string) bool {
		return strings.Contains(passages, answer)
	})
	if err != nil {
		log.Fatal(err)
	}
	faithful := history.Judged("faithful", grounded, history.Sample{
		Input:    history.RunInput(0, "text"),
		Output:   history.ResultOf("answer", "choices.0.message.content"),
		Expected: []history.Text{history.AllResultsOf("search", "")},
	})
	records, err := faithful.Records(context.Background(), exportedAgent())
	fmt.Println(records[0].Name, records[0].Value, records[0].Key, err)
	// Output:
	// faithful true grounded@1 <nil>
}
