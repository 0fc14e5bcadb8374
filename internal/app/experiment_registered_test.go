package app

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// An experiment starts by the definition that workers have registered: by the only one, or the chosen one.
func TestExperimentStartsByWhatIsRegistered(t *testing.T) {
	t.Parallel()
	p := startWorker(t, devservertest.ForTest(t).NewNamespace(t))
	p.env = append(p.env, "USER=ada")
	register := func(version, build string, change func(*experiments.Definition)) string {
		d, err := decodeDefinition([]byte(retrieverJSON))
		require.NoError(t, err)
		d.Version = version
		change(&d)
		db, err := sqlite.Open(t.Context(), p.db)
		require.NoError(t, err)
		defer func() { require.NoError(t, db.Close()) }()
		r := experiments.Registration{Definition: experiments.MustNew(d).JSON(), Namespace: "default", TaskQueue: "answers", Build: build}
		require.NoError(t, db.Register(t.Context(), r))
		return r.Digest()
	}
	refused := func(args ...string) string {
		t.Helper()
		got := call(t, RunStarter, p.env, append([]string{"experiment", "start"}, args...)...)
		require.True(t, isUsage(got.err), "%v", got.err)
		return got.err.Error()
	}
	require.Equal(t, "the store has no definition of retriever@1: workers register it with their first assignment; --definition takes it from a file", refused("retriever@1"))

	register("1", "b1", func(*experiments.Definition) {})
	register("1", "b2", func(d *experiments.Definition) { d.Variants[0].Weight, d.Variants[1].Weight = 2, 2 })
	require.Equal(t, "retriever@1: revision 1, running, epoch 0\n", p.starter("experiment", "start", "retriever@1", "--stop-harm"))

	first := register("3", "b1", func(*experiments.Definition) {})
	second := register("3", "b2", func(d *experiments.Definition) { d.Primary.Name, d.Variants[1].Weight = "read", 9 })
	text := refused("retriever@3")
	require.Regexp(t, `^the store has definitions of retriever@3 that differ; choose one with --digest:\n  `+first[:8]+
		`  registered \S+ \S+ UTC by build b1 on task queue answers of namespace default \(\w+\)\n  `+second[:8]+`  registered .* build b2 .*: other primary, weights$`, text)
	require.Equal(t, "the store has no definition of retriever@3 whose digest begins with zz", refused("retriever@3", "--digest", "zz"))
	require.Equal(t, "retriever@3: revision 1, running, epoch 0\n", p.starter("experiment", "start", "retriever@3", "--digest", second[:8]))
	require.Contains(t, p.starter("experiment", "status", "retriever@3"), "vectors 0.9")
}

func TestUnreadableRegistration(t *testing.T) {
	t.Parallel()
	later := experiments.Registration{Definition: []byte(`{"name":"a","version":"1","dreams":1}`), TaskQueue: "answers", Namespace: "default"}
	_, err := oneOfRegistered("a@1", "", []experiments.Registration{later})
	require.ErrorContains(t, err, "this release cannot read the definition of a@1:\n  ")
	require.ErrorContains(t, err, `unknown field "dreams"`)
}
