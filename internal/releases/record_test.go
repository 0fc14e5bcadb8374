package releases

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/verdict-dev/verdict/internal/devserver/devservertest"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/releases/user"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/postgres"
	"github.com/verdict-dev/verdict/store/postgres/pgtest"
	"github.com/verdict-dev/verdict/store/sqlite"
)

var release = flag.String("record", "", "record this release under testdata/releases; what is there is never recorded again")

// fixtures is the folder of all releases.
const fixtures = "../../testdata/releases"

// The files of a recording.
const (
	storeFile     = "store.db.gz"
	dumpFile      = "store.sql.gz"
	historiesFile = "histories.jsonl.gz"
	reportFile    = "report.json"
	textFile      = "report.txt"
	factsFile     = "facts.json"
	sourceFile    = "source.tar.gz"
)

// recorded is a history as it is kept, one a line.
type recorded struct {
	WorkflowID string          `json:"workflow_id"`
	RunID      string          `json:"run_id"`
	Type       string          `json:"type"`
	Open       bool            `json:"open"`
	History    json.RawMessage `json:"history"`
}

// kinds are the recordings of a release by the kind of store.
var kinds = []string{"sqlite", "postgres"}

// A recording is made in every run of the tests, so that the one of the next release can be; only with -record is it kept.
func TestRecord(t *testing.T) {
	t.Parallel()
	devservertest.ForTest(t) // before anything is opened that a skip would leave open
	root := t.TempDir()
	if *release != "" {
		root = filepath.Join(fixtures, *release)
		require.NoError(t, os.Mkdir(root, 0o755), "a release is recorded once")
		writeSource(t, filepath.Join(root, sourceFile))
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(root, kind)
			require.NoError(t, os.Mkdir(dir, 0o755))
			l := left{release: *release, kind: kind, dir: dir, facts: record(t, kind, dir)}
			for name, holds := range map[string]func(*testing.T, left){
				"replays": replays, "says the same": saysTheSame, "settles": settles, "tokens": tokensOpen, "wire": keepsTheWire, "migrates": migrates,
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					holds(t, l)
				})
			}
		})
	}
}

// record makes the recording of one kind of store.
func record(t *testing.T, kind, dir string) facts {
	devservertest.ForTest(t) // before anything is opened: a short run ends here
	var s *scene
	var db store.Store
	var keep func()
	switch kind {
	case "sqlite":
		file := filepath.Join(t.TempDir(), "store.db")
		opened, err := sqlite.Open(t.Context(), file)
		require.NoError(t, err)
		db, keep = opened, func() { writeFile(t, filepath.Join(dir, storeFile), compact(t, file)) }
		s = newScene(t, db)
		s.work(false)
	case "postgres":
		url := pgtest.Start(t)
		require.NoError(t, postgres.Migrate(t.Context(), url))
		opened, err := postgres.Open(t.Context(), url)
		require.NoError(t, err)
		db, keep = opened, func() { writeFile(t, filepath.Join(dir, dumpFile), dump(t, url)) }
		s = newScene(t, db)
		s.work(true)
	}
	f := s.play()
	data, err := json.MarshalIndent(f, "", " ")
	require.NoError(t, err)
	writeFile(t, filepath.Join(dir, factsFile), append(data, '\n'))
	writeFile(t, filepath.Join(dir, historiesFile), s.histories())
	asJSON, asText := reported(t, db, f)
	writeFile(t, filepath.Join(dir, reportFile), asJSON)
	writeFile(t, filepath.Join(dir, textFile), asText)
	require.NoError(t, db.Close())
	keep()
	return f
}

// reported returns what the code says of a store, as of the recording.
func reported(t *testing.T, db report.Reader, f facts) (asJSON, asText []byte) {
	t.Helper()
	r, err := report.Build(t.Context(), db, report.Options{Now: f.RecordedAt, Definitions: user.Experiments})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), r.CountedAsOf, time.Minute)
	r.CountedAsOf = time.Time{} // by the clock of each database
	asJSON, err = json.MarshalIndent(r, "", " ")
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, display.Text(&text, r))
	return append(asJSON, '\n'), text.Bytes()
}

// histories returns those of all runs of the scene, one a line.
func (s *scene) histories() []byte {
	var lines bytes.Buffer
	for _, r := range s.recorded() {
		require.NoError(s.T, json.NewEncoder(&lines).Encode(r))
	}
	return lines.Bytes()
}

// recorded returns the histories of all runs of the scene, in the order of their ids.
func (s *scene) recorded() (all []recorded) {
	ctx := s.T.Context()
	request := &workflowservice.ListWorkflowExecutionsRequest{Namespace: s.namespace, PageSize: 1000}
	list, err := s.Client.ListWorkflow(ctx, request)
	require.NoError(s.T, err)
	require.Empty(s.T, list.NextPageToken)
	for _, e := range list.Executions {
		run := s.Client.GetWorkflow(ctx, e.Execution.WorkflowId, e.Execution.RunId)
		data, err := protojson.Marshal(s.History(run))
		require.NoError(s.T, err)
		all = append(all, recorded{run.GetID(), run.GetRunID(), e.Type.Name, e.Status == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, data})
	}
	slices.SortFunc(all, func(a, b recorded) int { return strings.Compare(a.WorkflowID+a.RunID, b.WorkflowID+b.RunID) })
	return all
}

// writeFile writes a file, compressed if its name says so.
func writeFile(t *testing.T, name string, data []byte) {
	t.Helper()
	if filepath.Ext(name) == ".gz" {
		var packed bytes.Buffer
		w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		data = packed.Bytes()
	}
	require.NoError(t, os.WriteFile(name, data, 0o644))
}

// readFile is the other way round.
func readFile(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	if filepath.Ext(name) != ".gz" {
		return data
	}
	data, err = unzip(data)
	require.NoError(t, err)
	return data
}

func unzip(data []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// olderReleases returns the earlier releases whose programs can be built.
func olderReleases(t *testing.T) (all []string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(fixtures, "*", sourceFile))
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		all = append(all, filepath.Base(filepath.Dir(source)))
	}
	return all
}
