package e2e

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict"
)

var rewrite = flag.Bool("update", false, "rewrite the table in docs/contexts.md")

// The answers of the table.
const (
	wasRecorded = "recorded"
	wasRefused  = "refused"
	notAllowed  = "not allowed"
)

// calls are the calls of the table, in its order.
var calls = []struct {
	name string
	call any
}{
	{"Score", verdict.Score[int]},
	{"Session", verdict.Session},
	{"Attribute", verdict.Attribute},
	{"DeclareKey", verdict.DeclareKey},
	{"TokenFor", verdict.TokenFor},
	{"Flush", verdict.Flush},
	{"Defer", verdict.Defer[string]},
	{"Experiment", verdict.Experiment},
	{"Shadow", verdict.Shadow},
	{"Judge", verdict.Judge},
}

var (
	inWorkflow = reflect.TypeFor[workflow.Context]()
	inActivity = reflect.TypeFor[context.Context]()
)

// places are the contexts of the table, in its order, each with what its code gets as a context.
var places = []struct {
	name string
	ctx  reflect.Type
	note string // a footnote of the document
}{
	{"workflow function", inWorkflow, ""},
	{"coroutine", inWorkflow, "[^coroutine]"},
	{"update handler", inWorkflow, ""},
	{"validator", inWorkflow, "[^reads]"},
	{"signal handler", inWorkflow, "[^signal]"},
	{"query handler", inWorkflow, "[^reads]"},
	{"side effect", inWorkflow, "[^reads]"},
	{"local activity", inActivity, "[^activity]"},
	{"activity", inActivity, "[^activity]"},
	{"session", inActivity, "[^session]"},
	{"standalone activity", inActivity, "[^standalone]"},
	{"nexus operation", inActivity, "[^nexus]"},
}

const (
	contextsDocument = "../../docs/contexts.md"
	tableBegins      = "<!-- The table is generated: go test ./internal/e2e -run TestContexts -update -->\n"
	tableEnds        = "<!-- The table ends. -->\n"
)

// Every call in every context is recorded, is refused, or does not compile: none is lost silently, fails its run or keeps it
// from ending. The document's table is what the server shows.
func TestContexts(t *testing.T) {
	t.Parallel()
	c := newContexts(t)
	var table strings.Builder
	table.WriteString("| context |")
	for _, call := range calls {
		fmt.Fprintf(&table, " `%s` |", call.name)
	}
	table.WriteString("\n|---" + strings.Repeat("|---", len(calls)) + "|\n")
	for _, place := range places {
		fmt.Fprintf(&table, "| %s%s |", place.name, place.note)
		for _, call := range calls {
			answer := notAllowed
			if place.ctx.AssignableTo(reflect.TypeOf(call.call).In(0)) {
				answer = c.cell(place.name, call.name)
			}
			fmt.Fprintf(&table, " %s |", answer)
		}
		table.WriteString("\n")
	}
	document, err := os.ReadFile(contextsDocument)
	require.NoError(t, err)
	before, rest, ok := bytes.Cut(document, []byte(tableBegins))
	require.True(t, ok, "%s has no table", contextsDocument)
	committed, after, ok := bytes.Cut(rest, []byte(tableEnds))
	require.True(t, ok, "the table of %s has no end", contextsDocument)
	if *rewrite {
		document = bytes.Join([][]byte{before, []byte(tableBegins), []byte("\n" + table.String() + "\n"), []byte(tableEnds), after}, nil)
		require.NoError(t, os.WriteFile(contextsDocument, document, 0o644))
		return
	}
	require.Equal(t, strings.TrimSpace(string(committed)), strings.TrimSpace(table.String()), "rewrite it with -update")
	for _, place := range places {
		if place.note != "" {
			require.Contains(t, string(after), "\n"+place.note+":", "the footnote of %s", place.name)
		}
	}
}
