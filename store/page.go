package store

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Pager reads lists in pages, newest first, and everything about one run. A page costs the same of a long list as of a short
// one. Rows that are written meanwhile are not on the pages that follow, and move nothing on them.
type Pager interface {
	// ScorePage returns scores that a filter selects, whose Limit it ignores. Scores of an experiment, whose Version must be given,
	// come by run, the run first that became known last, once the run has flushed. With States a page may have fewer scores
	// than its limit although more follow, and a state that time alone has decided is found once CloseDue has written it.
	ScorePage(ctx context.Context, f Filter, p Page) (scores []scoring.Record, next Cursor, err error)
	// RunPage returns runs that a filter selects, whose Newest and Limit it ignores: the run first that became known last.
	RunPage(ctx context.Context, f RunFilter, p Page) (runs []scoring.RunFacts, next Cursor, err error)
	// LedgerPage returns entries of the ledger that a filter selects, whose Limit it ignores. With a Name or a Key alone it looks at a
	// few thousand entries, and a page may have fewer than its limit although more follow.
	LedgerPage(ctx context.Context, f LedgerFilter, p Page) (entries []Entry, next Cursor, err error)
	// RunView returns everything that the store knows of a run, whose namespace may be empty. ErrNotFound if it knows nothing;
	// ErrAmbiguous if several namespaces have such a run.
	RunView(ctx context.Context, run scoring.Run) (RunView, error)
}

// Page says which part of a list to return.
type Page struct {
	After Cursor // where the last page has ended; empty: the newest
	Limit int    // 1 to MaxPage
}

// MaxPage is the largest page.
const MaxPage = 1000

// Cursor is a place in a list. Only the store reads it; of a place that it does not know it says so by a
// scoring.InvalidError.
type Cursor string

// RunView is everything that the store knows of a run.
type RunView struct {
	Facts scoring.RunFacts `json:"facts"`
	// Scores has every revision, oldest first, the retracted and the superseded ones included.
	Scores []scoring.Record `json:"scores"`
	// Assignments are of the run's chain.
	Assignments []scoring.Assignment `json:"assignments"`
	// Waiting are the expectations about it that no score has ended, each with until when.
	Waiting []scoring.Expectation `json:"waiting"`
}
