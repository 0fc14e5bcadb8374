package app

import (
	"encoding/json"
	"os"
	"os/user"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/experiments/rollout"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/harness"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store/sqlite"
)

const retrieverJSON = `{
	"name": "retriever", "version": "2", "control": "bm25", "maturity": "168h",
	"variants": [{"name": "bm25", "weight": 1}, {"name": "vectors", "weight": 1}],
	"primary": {"name": "good", "type": "boolean"}
}`

func definitionFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "definition.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefinitionOfAFile(t *testing.T) {
	t.Parallel()
	var d experiments.Definition
	require.NoError(t, definitionOf(&d)(definitionFile(t, retrieverJSON)))
	require.Equal(t, 7*24*time.Hour, d.Maturity)
	require.Equal(t, "vectors", d.Variants[1].Name)
	data, err := json.Marshal(d)
	require.NoError(t, err)
	same, err := decodeDefinition(data) // as the query has it
	require.NoError(t, err)
	require.Equal(t, d, same)

	for text, want := range map[string]string{
		`{"name": "x"`:           "must be a definition in JSON",
		`{"nmae": "x"}`:          `unknown field "nmae"`,
		`{"maturity": "a week"}`: `maturity: "a week" must be a duration such as 168h`,
		`{"name": "x"}`:          "invalid variants",
		`[]`:                     "must be a definition in JSON",
	} {
		require.ErrorContains(t, definitionOf(&d)(definitionFile(t, text)), want)
	}
}

// Whatever is in the file, it is refused or it is what it says.
func FuzzDefinition(f *testing.F) {
	f.Add([]byte(retrieverJSON))
	f.Add([]byte(`{"maturity": 1, "variants": null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := decodeDefinition(data)
		if err != nil || d.Validate() != nil {
			return
		}
		again, err := json.Marshal(d)
		require.NoError(t, err)
		same, err := decodeDefinition(again)
		require.NoError(t, err)
		require.Equal(t, d.Fingerprint(), same.Fingerprint())
	})
}

func TestMistakesOfExperimenters(t *testing.T) {
	t.Parallel()
	file := definitionFile(t, retrieverJSON)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"frob"}, "unknown command \"frob\" for \"starter experiment\": `starter experiment --help` lists the commands"},
		{[]string{"pause"}, "no NAME@VERSION: `starter experiment pause --help` shows the usage"},
		{[]string{"promote", "retriever@2"}, "no VARIANT: `starter experiment promote --help` shows the usage"},
		{[]string{"stop", "a@1", "b"}, "unexpected argument \"b\": `starter experiment stop --help` shows the usage"},
		{[]string{"ramp", "a@1"}, "give --weights, --allocation, or both"},
		{[]string{"ramp", "a@1", "--weights", "a"}, `--weights: "a": "a" must be VARIANT=WEIGHT`},
		{[]string{"ramp", "a@1", "--weights", "a=1,b=x"}, `--weights: "a=1,b=x": "x" is not a number`},
		{[]string{"ramp", "a@1", "--weights", "a=1,a=2"}, `--weights: "a=1,a=2": "a" appears twice`},
		{[]string{"ramp", "a@1", "--allocation", "half"}, `--allocation: "half": must be a number`},
		{[]string{"start"}, "no NAME@VERSION: `starter experiment start --help` shows the usage"},
		{[]string{"start", "retriever"}, `"retriever" must be NAME@VERSION`},
		{[]string{"start", "retriever@"}, `"retriever@" must be NAME@VERSION`},
		{[]string{"start", "--definition", file, "--digest", "ab"}, "give --digest or --definition, not both"},
		{[]string{"start", "bm25", "--definition", file}, `"bm25" is not the experiment of the definition, retriever@2`},
		{[]string{"start", "--definition", file, "--every", "1ms"}, "verdict: invalid every: 1ms is less than a second"},
	} {
		got := call(t, RunStarter, []string{away}, append([]string{"experiment"}, c.args...)...)
		require.EqualError(t, got.err, c.want, "%v", c.args)
		require.True(t, isUsage(got.err), "%v", c.args)
	}
}

// Cron and containers set no $USER.
func TestWhoAsks(t *testing.T) {
	t.Parallel()
	require.Equal(t, "ada", login(environ{"USER=ada"}))
	me, err := user.Current()
	require.NoError(t, err)
	require.NotEmpty(t, me.Username)
	for _, env := range []environ{nil, {"USER="}} {
		require.Equal(t, me.Username, login(env))
	}
}

func TestExperimentFromTheCommandLine(t *testing.T) {
	t.Parallel()
	p := startWorker(t, devservertest.ForTest(t).NewNamespace(t))
	p.env = append(p.env, "USER=ada")
	file := definitionFile(t, retrieverJSON)
	refused := func(want string, args ...string) {
		t.Helper()
		got := call(t, RunStarter, p.env, append([]string{"experiment"}, args...)...)
		require.ErrorContains(t, got.err, want)
		require.True(t, isUsage(got.err), "%v", got.err)
	}
	refused("retriever@2 is not started", "pause", "retriever@2")
	refused("no version of retriever is started", "status", "retriever")

	require.Equal(t, "retriever@2: revision 1, running, epoch 0\n", p.starter("experiment", "start", "retriever", "--definition", file, "--stop-harm", "--why", "is it worth it?"))
	refused("verdict: invalid status: the experiment is running", "start", "--definition", file)
	require.Equal(t, "retriever@2: revision 2, running, epoch 1\n", p.starter("experiment", "ramp", "retriever@2", "--weights", "bm25=1,vectors=3", "--update-id", "once"))
	require.Equal(t, "retriever@2: revision 2, running, epoch 1\n", p.starter("experiment", "ramp", "retriever@2", "--weights", "bm25=1,vectors=9", "--update-id", "once"))
	refused("verdict: invalid update id: it was given to revision 2, ramp", "pause", "retriever@2", "--update-id", "once")
	refused(`verdict: invalid weight: none for variant "bm25"`, "ramp", "retriever@2", "--weights", "vectors=3")
	harness.Eventually(t, harness.Patience, func() error { // visibility comes later
		return call(t, RunStarter, p.env, "experiment", "pause", "retriever", "--identity", "bob").err
	})
	require.Equal(t, "retriever@2: revision 4, running, epoch 1\n", p.starter("experiment", "resume", "retriever"))

	text := p.starter("experiment", "status", "retriever")
	for _, want := range []string{
		"experiment retriever, version 2: running\n",
		": bm25 0.25, vectors 0.75, allocation 1\n",
		"policy      notify, stop harm; analysed every 3h21m36s\n",
		"decision    not analysed yet\n",
		"  bob  pause   paused ",
		"is it worth it?",
	} {
		require.Contains(t, text, want)
	}
	require.Equal(t, "retriever@2: revision 5, stopped, epoch 1\n", p.starter("experiment", "stop", "retriever@2"))
	refused(`"vector" is not a variant`, "promote", "retriever@2", "vector")
	refused(`to promote "vectors" is against the verdict`, "promote", "retriever@2", "vectors")
	require.Equal(t, "retriever@2: revision 6, promoted, epoch 1\n", p.starter("experiment", "promote", "retriever@2", "vectors", "--reason", "both will do"))
	require.Regexp(t, `promote vectors \(against the verdict: .+\) .* both will do\n`, p.starter("experiment", "status", "retriever@2"))
	var state rollout.State
	require.NoError(t, json.Unmarshal([]byte(p.starter("experiment", "status", "retriever@2", "-o", "json")), &state))
	require.Equal(t, "vectors", state.Variant)
	require.Len(t, state.Revisions, 6)

	// The report and the page have the definition from there.
	db, err := sqlite.Open(t.Context(), p.db)
	require.NoError(t, err)
	run := scoring.Run{Namespace: "default", WorkflowID: "w", RunID: "r"}
	_, err = db.Assign(t.Context(), scoring.Assignment{
		Experiment: "retriever", Version: "2", Variant: "vectors", By: scoring.ByWeight, Unit: "r", Run: run, FirstRunID: "r", At: time.Now(),
		Probabilities: map[string]float64{"bm25": .25, "vectors": .75},
	})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	const undecided = "no unit has matured yet"
	text = p.starter("report", "retriever")
	require.Contains(t, text, "decision: CONTINUE: "+undecided)
	require.NotContains(t, text, "does not have the experiment's definition")
	const overruled = "against the verdict (not analysed yet): both will do"
	require.Contains(t, text, overruled)
	status, body := p.http("GET", "/", "", nil)
	require.Equal(t, 200, status)
	require.Contains(t, body, undecided)
	require.Contains(t, body, overruled)

	// Of its rows only a finished experiment's can be deleted.
	db, err = sqlite.Open(t.Context(), p.db)
	require.NoError(t, err)
	_, err = db.Assign(t.Context(), scoring.Assignment{
		Experiment: "prompt", Version: "1", Variant: "a", By: scoring.ByWeight, Unit: "s", FirstRunID: "s", At: time.Now(),
		Run: scoring.Run{Namespace: "default", WorkflowID: "w2", RunID: "s"}, Probabilities: map[string]float64{"a": 1},
	})
	require.NoError(t, err)
	require.NoError(t, db.Close())
	text = p.starter("prune", "--runs-older-than", "1ns", "--dry-run")
	require.Equal(t, "1 runs would be deleted\nkept: what unfinished experiments are read from: prompt@1\n", text)

	require.NoError(t, p.stop())
	text = p.starter("report", "retriever")
	require.Contains(t, text, "decision: no decision: nothing is scored yet", "nobody answers: it is inferred, and there is nothing to infer it from")
}
