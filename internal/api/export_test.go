package api

// Reading is a route that reads.
type Reading struct {
	Path, Summary string
	Answer        any
	Params        []string
}

// Readings are the routes that read.
func Readings() (all []Reading) {
	for _, r := range (&api{}).readings() {
		all = append(all, Reading{r.path, r.summary, r.answer, r.params})
	}
	return all
}

// Bodies of requests and answers.
type (
	ScoreRequest   = scoreRequest
	ScoreAnswer    = scoreAnswer
	OutcomeRequest = outcomeRequest
	OutcomeAnswer  = outcomeAnswer
)
