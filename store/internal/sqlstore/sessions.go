package sqlstore

import (
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// A session that has scores of its own is a row of the table runs, which is shown nowhere: so its scores are revised, counted, listed,
// pruned and copied like the scores of a run. Its workflow id is the session's id. Its chain is the digest of the unit that it is where an
// experiment assigns by sessions, so the assignments of a session and its scores find each other, whichever comes first.

// sessionRuns is what the run ids of such rows begin with. A server issues UUIDs.
const sessionRuns = "session/"

// sessionType is their workflow type, by which counts of runs leave them out.
const sessionType = "\x1fsession"

// isRun tells of a row r of runs that it is a run.
const isRun = `SUBSTR(r.run_id, 1, 8) <> 'session/'`

func isSession(r scoring.Run) bool { return strings.HasPrefix(r.RunID, sessionRuns) }

// inStore returns a record in the form that the store keeps: of a session as one of its row.
func inStore(r scoring.Record) scoring.Record {
	if !r.OfSession() {
		return r
	}
	r.Run = scoring.Run{WorkflowID: r.Session.ID, RunID: sessionRuns + r.Session.Key} // a session is one in all namespaces
	r.Step = scoring.Step{ID: "session", Type: scoring.SessionStep(r.Session.Key)}    // counts are by its type
	r.Sessions = slices.DeleteFunc(slices.Clone(r.Sessions), func(x scoring.Session) bool { return x == r.Session })
	r.Sessions = append(r.Sessions, r.Session) // where scores are found by their sessions
	r.Session, r.OriginalRunID = scoring.Session{}, ""
	return r
}

// fromStore returns a record that the store keeps as readers get it.
func fromStore(r scoring.Record) scoring.Record {
	key, ok := strings.CutPrefix(r.Run.RunID, sessionRuns)
	if !ok {
		return r
	}
	r.Session = scoring.Session{Key: key, ID: r.Run.WorkflowID}
	r.Run, r.Step = scoring.Run{}, scoring.Step{}
	if r.Sessions = r.Sessions[:max(0, len(r.Sessions)-1)]; len(r.Sessions) == 0 {
		r.Sessions = nil
	}
	return r
}

// chainOf is the digest of the chain of a run.
func chainOf(f scoring.RunFacts) []byte {
	if isSession(f.Run) {
		return hash("unit", f.Run.WorkflowID)
	}
	return inGroup(f.Run, f.FirstRunID)
}
