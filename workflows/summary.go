package workflows

import "github.com/verdict-dev/verdict/scoring"

// maxSummary is how many bytes of JSON a summary has: the server takes 400 of its payload, including the names of the
// encoding and the additions of a codec.
const maxSummary = 300

// summary is the text next to an event on the run's page.
func summary(text string) string { return scoring.ClipEncoded(text, maxSummary) }
