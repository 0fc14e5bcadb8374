package scoring

// Refused returns the record that replaces r after err refused it: a score in state error under the same name, with err
// as its reason. It keeps the valid parts of the subject; a record with an invalid step or key gets a key of its own,
// so that it overwrites no other score. A record with a run and a session is one of the run. ok is false without a valid name and run.
func (r Record) Refused(err error) (Record, bool) {
	refused := Fail(r.Name, err.Error())
	refused.Key = r.Key
	if CheckTime("observed at", r.ObservedAt) == nil {
		refused.ObservedAt = r.ObservedAt
	}
	if CheckSessions(r.Sessions) == nil {
		refused.Sessions = r.Sessions
	}
	badStep, badSession := r.Step.Validate() != nil, r.OfSession() && (r.Session.Validate() != nil || r.Run.WorkflowID != "")
	switch {
	case badSession:
		refused.Key = "refused/" + mark(r.Key, r.Session.Key, r.Session.ID, "session")
	case badStep || CheckKey("key", r.Key) != nil:
		refused.Key = "refused/" + mark(r.Key, r.Step.ID, r.Step.Type)
	}
	if badSession {
		r.Session = Session{}
	}
	if badStep || r.OfSession() {
		r.Step = Step{}
	}
	r.Score = refused
	return r, r.Validate() == nil
}
