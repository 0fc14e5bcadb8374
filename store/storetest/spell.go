package storetest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

const merged = "pull_request.merged"

// waitsFor is an expectation of an event.
func waitsFor(name, key string) scoring.Expectation {
	e := expectation(freshRun(), key)
	e.Events[0].Name = name
	return e
}

func came(id, name, key string, minutes int) scoring.Outcome {
	o := outcome(id, key, minutes)
	o.Name = name
	return o
}

// keys returns the keys of outcomes.
func keys(outcomes []scoring.Outcome) []string {
	var all []string
	for _, o := range outcomes {
		all = append(all, o.Key)
	}
	return all
}

// GitHub takes Acme/Shop and acme/shop for one repository.
var spellTests = []namedTest{
	{"a key is the same in every spelling, and each scorer gets its own", func(t *testing.T, b bench) {
		written := []string{"Acme/Shop#7", "acme/shop#7", "ACME/SHOP#7"}
		for i, key := range written {
			b.receive(t, came(key, merged, key, 5+i))
		}
		for _, key := range written {
			found, err := b.Expect(t.Context(), waitsFor(merged, key))
			require.NoError(t, err)
			require.Equal(t, written, ids(found))
			require.Equal(t, []string{key, key, key}, keys(found))
		}
		receipt, err := b.Receive(t.Context(), came("new", merged, "aCME/sHOP#7", 9))
		require.NoError(t, err)
		require.Len(t, receipt.Waiting, 3)
		require.Equal(t, "aCME/sHOP#7", receipt.Outcome.Key, "the store keeps the received spelling")
		for _, e := range receipt.Waiting {
			require.Equal(t, e.Events[0].Key, e.Told(receipt.Outcome).Key)
		}
		require.Equal(t, store.Matched, b.ledger(t)["new"].State)
	}},
	{"one delivery is one score", func(t *testing.T, b bench) {
		e := waitsFor(merged, "acme/shop#7")
		e.Events = append(e.Events, scoring.Event{Name: merged, Key: "Acme/Shop#7"})
		b.expect(t, e)
		require.Equal(t, []string{e.ScorerRun.WorkflowID}, b.receive(t, came("o", merged, "Acme/Shop#7", 5)))
		require.Equal(t, []string{"o"}, b.expect(t, e))
		require.Empty(t, b.settle(t, settlement(e, []string{"o"}, fromScorer(e.Run, scoring.Bool("paid", true), 6))))
		require.Equal(t, []string{"paid=true"}, b.said(t, store.Filter{Run: e.Run}))
		require.Equal(t, []string{e.ScorerRun.WorkflowID}, b.ledger(t)["o"].Scorers)
	}},
	{"a settling scorer gets unseen outcomes in its own spelling", func(t *testing.T, b bench) {
		e := waitsFor("issue.closed", "Acme/Shop#7")
		b.expect(t, e)
		b.receive(t, came("o", "issue.closed", "acme/shop#7", 5))
		unseen, err := b.Settle(t.Context(), settlement(e, nil, fromScorer(e.Run, scoring.Bool("paid", false), 6)))
		require.NoError(t, err)
		require.Equal(t, []string{"o"}, ids(unseen))
		require.Equal(t, []string{"Acme/Shop#7"}, keys(unseen))
	}},
	{"the run that started last has the better claim, in any spelling", func(t *testing.T, b bench) {
		first, second := waitsFor(merged, "Acme/Shop#7"), waitsFor(merged, "acme/shop#7")
		first.Attribution, second.Attribution = scoring.AttributeLast, scoring.AttributeLast
		second.RunStartedAt = at(2)
		b.expect(t, first)
		b.receive(t, came("o1", merged, "ACME/shop#7", 5))
		require.Equal(t, []string{"o1"}, b.expect(t, second))
		require.Equal(t, []string{second.ScorerRun.WorkflowID}, b.receive(t, came("o2", merged, "Acme/Shop#7", 6)))
		require.Empty(t, b.settle(t, settlement(first, nil)))
	}},
	{"late is late", func(t *testing.T, b bench) {
		e := waitsFor(merged, "Acme/Shop#7")
		b.expect(t, e)
		require.Empty(t, b.receive(t, came("o", merged, "acme/shop#7", 61)))
		require.Equal(t, store.Late, b.ledger(t)["o"].State)
		b.receive(t, came("early", merged, "acme/SHOP#8", 61))
		b.expect(t, waitsFor(merged, "acme/shop#8"))
		require.Equal(t, store.Late, b.ledger(t)["early"].State)
	}},
	{"an outcome claimed in another spelling is not pruned", func(t *testing.T, b bench) {
		b.receive(t, came("claimed", merged, "Acme/Shop#7", 5))
		b.receive(t, came("unclaimed", merged, "Acme/Shop#8", 5))
		b.expect(t, waitsFor(merged, "acme/shop#7"))
		require.Equal(t, 1, b.prune(t, 60))
		require.Contains(t, b.ledger(t), "claimed")
	}},
	{"everywhere else case matters", func(t *testing.T, b bench) {
		for name, key := range map[string]string{
			"message.reaction_added": "C0ABC/1531420618.000100", "checkout.paid": "cs_Ab#1", "paid": "Acme/Shop#7", "pull_requests.merged": "Acme/Shop#7",
			merged: "Acme/Shop", "issue.closed": "JIRA-Ab", "pull_request.closed": "Ä/B#1",
		} {
			b.receive(t, came(name, name, key, 5))
			require.Empty(t, b.expect(t, waitsFor(name, strings.ToLower(key))), name)
			require.Equal(t, []string{name}, b.expect(t, waitsFor(name, key)))
		}
	}},
}
