package workflows

import "github.com/verdict-dev/verdict/scoring"

// maxSummary is how many bytes of JSON a summary has: the server takes 400 of its payload, with the names of the encoding
// and whatever a codec adds.
const maxSummary = 300

// summary is what stands beside an event on the run's page.
func summary(text string) string { return scoring.ClipEncoded(text, maxSummary) }
