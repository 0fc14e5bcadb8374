package scoring

// Refused returns what is recorded in the place of a record that is refused for err: a score in state error under the same
// name, whose reason says why. It keeps what is valid of the subject; a record whose step or key is not valid gets a key of
// its own, so that it takes the place of no other score. There is none without a valid name and run.
func (r Record) Refused(err error) (Record, bool) {
	refused := Failure(r.Name, err.Error())
	refused.Key = r.Key
	if CheckTime("observed at", r.ObservedAt) == nil {
		refused.ObservedAt = r.ObservedAt
	}
	if CheckSessions(r.Sessions) == nil {
		refused.Sessions = r.Sessions
	}
	badStep := r.Step.Validate() != nil
	if badStep || CheckKey("key", r.Key) != nil {
		refused.Key = "refused/" + mark(r.Key, r.Step.ID, r.Step.Type)
	}
	if badStep {
		r.Step = Step{}
	}
	r.Score = refused
	return r, r.Validate() == nil
}
