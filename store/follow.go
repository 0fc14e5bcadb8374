package store

import (
	"context"

	"github.com/verdict-dev/verdict/scoring"
)

// Follower is for declared expectations that wait for the close of their run's chain. The store does not know a chain's close
// by itself: a run that is terminated says nothing, and one that fails may be tried again. Somebody asks the server.
type Follower interface {
	// Followed returns the runs whose close expectations wait for, the longest due first, each once.
	Followed(ctx context.Context, f FollowFilter) ([]scoring.Run, error)
	// FollowLater lets the expectations of a run whose chain is open be due again: after a quarter of the time since they began to wait,
	// or since the chain's last flush, but from two seconds to six hours. One that has become due for another time since stays so.
	FollowLater(ctx context.Context, run scoring.Run) error
	// ChainClosed begins the expectations of a run, whose chain has closed: their windows begin, or they are decided. It returns how
	// many there were. The same again changes nothing.
	ChainClosed(ctx context.Context, run scoring.Run, c scoring.Closed) (begun int, err error)
}

// FollowFilter selects runs of a namespace.
type FollowFilter struct {
	Namespace string
	// Due selects runs that are due: the last run of a chain becomes due a moment after it says that it ends, and any run ten minutes after it
	// began to wait.
	Due bool
	// WorkflowIDs, if any, selects runs of these.
	WorkflowIDs []string
	Limit       int // 0: no limit
}
