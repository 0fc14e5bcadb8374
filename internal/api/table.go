package api

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/store"
)

// table is an answer that can also be CSV. New columns are added at the end; none moves.
type table interface {
	table() (columns []string, rows [][]string, next store.Cursor)
}

// asCSV tells whether a request wants CSV.
func asCSV(r *http.Request) bool {
	format := r.URL.Query().Get("format")
	return format == "csv" || format == "" && strings.HasPrefix(r.Header.Get("Accept"), "text/csv")
}

// writeTable answers with CSV. Where the next page begins is in the header Link (RFC 8288).
func writeTable(w http.ResponseWriter, r *http.Request, t table) {
	columns, rows, next := t.table()
	if next != "" {
		u := *r.URL
		q := u.Query()
		q.Set("cursor", string(next))
		u.RawQuery = q.Encode()
		w.Header().Set("Link", "<"+u.RequestURI()+`>; rel="next"`)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := csv.NewWriter(w)
	_ = out.Write(columns) // the client has gone, if this fails
	_ = out.WriteAll(rows)
}

func (l scoreList) table() (columns []string, rows [][]string, next store.Cursor) {
	columns = []string{
		"namespace", "workflow_id", "run_id", "step_id", "step_type", "name", "key", "state", "value", "reason", "source", "scorer", "scorer_version",
		"build_id", "observed_at", "recorded_at", "revision", "retracted", "superseded",
		"session_key", "session_id",
	}
	for _, r := range l.Scores {
		rows = append(rows, []string{
			r.Run.Namespace, r.Run.WorkflowID, r.Run.RunID, r.Step.ID, r.Step.Type, r.Name, r.Key, string(r.State), r.ValueText(), r.Reason, string(r.Source),
			r.Scorer, r.ScorerVersion, r.BuildID, timeText(r.ObservedAt), timeText(r.RecordedAt), strconv.Itoa(r.Revision),
			strconv.FormatBool(r.Retracted), strconv.FormatBool(r.Superseded),
			r.Session.Key, r.Session.ID,
		})
	}
	return columns, rows, l.Next
}

func (l outcomeList) table() (columns []string, rows [][]string, next store.Cursor) {
	columns = []string{"id", "name", "key", "state", "value", "source", "observed_at", "received_at", "deliveries", "scorers", "reason"}
	for _, e := range l.Outcomes {
		o, value := e.Outcome, ""
		if o.Value.IsSet() {
			value = o.Value.String()
		}
		rows = append(rows, []string{
			o.ID, o.Name, o.Key, string(e.State), value, o.Source, timeText(o.ObservedAt), timeText(o.ReceivedAt), strconv.Itoa(e.Deliveries),
			strings.Join(e.Scorers, " "), e.Reason,
		})
	}
	return columns, rows, l.Next
}

func (l experimentList) table() (columns []string, rows [][]string, next store.Cursor) {
	for _, k := range l.Experiments {
		rows = append(rows, []string{k.Experiment, k.Version})
	}
	return []string{"experiment", "version"}, rows, l.Next
}

func (v runView) table() (columns []string, rows [][]string, next store.Cursor) {
	return scoreList{Scores: v.Scores}.table()
}

func (v experimentView) table() (columns []string, rows [][]string, next store.Cursor) {
	asOf := time.Now()
	if v.Analysis != nil {
		asOf = v.Analysis.At
	}
	return display.Columns, display.Lines(asOf, v.Experiment), ""
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
