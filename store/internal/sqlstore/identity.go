package sqlstore

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/verdict-dev/verdict/internal/wire"
	"github.com/verdict-dev/verdict/scoring"
)

// hash is how the store identifies things by texts.
func hash(parts ...string) []byte { return wire.Digest(parts...) }

func runHash(r scoring.Run) []byte      { return hash(r.Namespace, r.WorkflowID, r.RunID) }
func workflowHash(r scoring.Run) []byte { return hash(r.Namespace, r.WorkflowID) }

// inGroup is the digest of the group of r's runs that is called by the id of one of them; that is r itself while the
// group is not known.
func inGroup(r scoring.Run, groupRunID string) []byte {
	if groupRunID == "" {
		groupRunID = r.RunID
	}
	return hash(r.Namespace, r.WorkflowID, groupRunID)
}

func scoreIdentity(r scoring.Record) []byte {
	return hash(r.Run.Namespace, r.Run.WorkflowID, r.Run.RunID, r.Step.ID, r.Name, r.Key)
}

func eventHash(name, key string) []byte { return hash(name, key) }

// locks is the set of exclusive locks that a transaction needs. Every transaction takes locks in ascending order, so
// that no two transactions can wait for each other.
type locks []int64

// workflowStripes is how many locks all workflow ids share. A batch touches many of them, and a database has room for
// some thousands of locks only; sharing one costs a wait, never an error.
const workflowStripes = 1024

// workflow locks everything that is kept of r's workflow id: its runs, their chains and resets, and their scores.
func (l *locks) workflow(r scoring.Run) { *l = append(*l, stripe(r)) }

func stripe(r scoring.Run) int64 { return int64(lockKey(workflowHash(r)) % workflowStripes) }

// event locks the outcomes and expectations of one (name, key).
func (l *locks) event(digest []byte) { *l = append(*l, int64(lockKey(digest))) }

// experiment locks the order of the assignments of one experiment.
func (l *locks) experiment(name, version string) {
	*l = append(*l, int64(lockKey(hash("experiment", name, version))))
}

// key locks the scores held for a key that runs declare.
func (l *locks) key(key string) { *l = append(*l, int64(lockKey(hash("run key", key)))) }

// request locks the key of one request.
func (l *locks) request(key string) { *l = append(*l, int64(lockKey(hash("request", key)))) }

func lockKey(digest []byte) uint64 { return binary.BigEndian.Uint64(digest) }

func (l locks) sorted() []int64 {
	keys := slices.Clone(l)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// micro is how a time is kept.
func micro(t time.Time) int64 { return t.UnixMicro() }
