package history_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	exportpb "go.temporal.io/api/export/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/verdict-dev/verdict/history"
)

// exported are the histories of earlier releases, as the command line exports them.
func exported(t testing.TB) map[string]*historypb.History {
	t.Helper()
	files, err := filepath.Glob("../workflows/testdata/histories/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]*historypb.History{}
	for _, file := range files {
		f, err := os.Open(file)
		require.NoError(t, err)
		all[file], err = client.HistoryFromJSON(f, client.HistoryJSONOptions{})
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	return all
}

func collect(events history.Events) (all []*historypb.HistoryEvent, err error) {
	for e, err := range events {
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

func same(t *testing.T, want, got []*historypb.HistoryEvent) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.True(t, proto.Equal(want[i], got[i]), "event %d", i+1)
	}
}

// Every history that an earlier release exported is read as the SDK reads it, from each form in which histories are kept: as the command
// line writes it, as an answer of the API, as a list of events, as the archivers' batches, with a header and in several documents.
func TestEveryFormOfJSONIsRead(t *testing.T) {
	t.Parallel()
	all := exported(t)
	for i, file := range slices.Sorted(maps.Keys(all)) {
		h := all[file]
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		if i%8 != 0 { // the other forms of some are enough
			got, err := collect(history.FromJSON(bytes.NewReader(data)))
			require.NoError(t, err)
			same(t, h.Events, got)
			continue
		}
		half := len(h.Events) / 2
		plain := func(events []*historypb.HistoryEvent) string {
			data, err := protojson.Marshal(&historypb.History{Events: events})
			require.NoError(t, err)
			return string(data)
		}
		list := strings.TrimSuffix(strings.TrimPrefix(plain(h.Events), `{"events":`), `}`)
		first, second := plain(h.Events[:half]), plain(h.Events[half:])
		for form, text := range map[string]string{
			"exported": string(data),
			"answer":   `{"history":` + string(data) + `,"nextPageToken":"","archived":true}`,
			"list":     list,
			"batches":  `[` + first + `,` + second + `]`,
			"blobs":    `{"header":{"namespace":"default"},"body":[` + first + `]}` + "\n" + `{"header":{},"body":[` + second + `]}`,
			"later":    strings.Replace(string(data), `"eventId": "1",`, `"eventId": "1", "ofALaterRelease": {"x": 1},`, 1),
		} {
			got, err := collect(history.FromJSON(strings.NewReader(text)))
			require.NoError(t, err, "%s of %s", form, file)
			same(t, h.Events, got)
		}
	}
}

// What is no whole history is an error that says what is wrong, never a run that lacks something.
func TestWhatIsNoHistoryIsRefused(t *testing.T) {
	t.Parallel()
	const file = "../workflows/testdata/histories/v0.2.0/plain_closed.json"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	read := func(text string) error {
		_, err := history.Read(history.FromJSON(strings.NewReader(text)), history.Options{})
		return err
	}
	require.NoError(t, read(string(data)))
	require.ErrorIs(t, read(""), history.ErrEmpty)
	require.ErrorIs(t, read("{}"), history.ErrEmpty)
	require.ErrorIs(t, read(`{"events":[]}`), history.ErrEmpty)
	require.ErrorIs(t, read(string(data[:len(data)/2])), io.ErrUnexpectedEOF)
	for _, text := range []string{"no", "7", `"events"`, `{"events":7}`, `[7]`, `{"events":[{"eventId":"one"}]}`, `{"events":[{}],`} {
		require.Error(t, read(text), text)
	}
	var gap *history.GapError
	all := exported(t)[file].Events
	for _, events := range [][]*historypb.HistoryEvent{all[1:], append(slices.Clone(all[:3]), all[4:]...), append(slices.Clone(all[:3]), all[2:]...)} {
		_, err := history.Read(history.FromEvents(events), history.Options{})
		require.ErrorAs(t, err, &gap)
	}
	lost := errors.New("the connection is lost")
	_, err = history.Read(func(yield func(*historypb.HistoryEvent, error) bool) {
		_ = yield(all[0], nil) && yield(nil, lost)
	}, history.Options{})
	require.ErrorIs(t, err, lost)
}

// The histories of earlier releases are runs.
func TestHistoriesOfReleasesAreRuns(t *testing.T) {
	t.Parallel()
	for file, h := range exported(t) {
		r, err := history.Read(history.FromEvents(h.Events), history.Options{})
		require.NoError(t, err, file)
		require.EqualValues(t, len(h.Events), r.Events)
		require.Empty(t, r.Unread, file)
		require.Empty(t, r.Unknown, file)
		require.NotEmpty(t, r.Type)
		require.NotEmpty(t, r.ID.WorkflowID)
		require.NotEmpty(t, r.ID.RunID)
		require.Equal(t, strings.Contains(filepath.Base(file), "_open") || strings.Contains(file, "waiting"), r.Open(), file)
		for s := range r.Activities() {
			require.NotEmpty(t, s.Type, file)
			require.False(t, strings.HasPrefix(s.Type, "Verdict"), "%s: %s is the plugin's own", file, s.Type)
			require.False(t, s.ScheduledAt.IsZero())
		}
	}
}

// The runs of a Cloud export are read one by one. One that is broken does not hide the next ones.
func TestACloudExportIsRead(t *testing.T) {
	t.Parallel()
	all := &exportpb.WorkflowExecutions{}
	var want []string
	for file, h := range exported(t) {
		all.Items = append(all.Items, &exportpb.WorkflowExecution{History: h})
		want = append(want, file)
		if len(want) == 3 {
			break
		}
	}
	all.Items[1] = &exportpb.WorkflowExecution{History: &historypb.History{Events: all.Items[1].History.Events[1:]}}
	data, err := proto.Marshal(all)
	require.NoError(t, err)
	var runs []*history.Run
	var errs []error
	for r, err := range history.Exported(bytes.NewReader(data), history.Options{}) {
		runs, errs = append(runs, r), append(errs, err)
	}
	require.Len(t, runs, 3)
	require.NoError(t, errs[0])
	require.Error(t, errs[1])
	require.NoError(t, errs[2])
	require.EqualValues(t, len(all.Items[2].History.Events), runs[2].Events)
	for _, broken := range [][]byte{data[:len(data)-1], append([]byte{0xff}, data...), []byte("events")} {
		var last error
		for _, err := range history.Exported(bytes.NewReader(broken), history.Options{}) {
			last = err
		}
		require.Error(t, last)
	}
	require.Empty(t, slices.Collect(func(yield func(error) bool) {
		for _, err := range history.Exported(bytes.NewReader(nil), history.Options{}) {
			yield(err)
		}
	}))
}
