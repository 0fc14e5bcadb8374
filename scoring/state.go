package scoring

// State says whether a score has a value, or why it has none. Only [Scored] has a value.
type State string

// The states of a score.
const (
	Scored   State = "scored"         // has a value
	Pending  State = "pending"        // its window is open
	Expired  State = "expired"        // its window closed and the declared meaning of that is "unknown"
	Declined State = "not_applicable" // the scorer looked and declined
	Failed   State = "error"          // the scorer failed
)

// Valid tells whether s is one of the states above.
func (s State) Valid() bool {
	switch s {
	case Scored, Pending, Expired, Declined, Failed:
		return true
	}
	return false
}
