package workflows

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/verdict-dev/verdict/activities"
	"github.com/verdict-dev/verdict/internal/wire"
)

// Each call that adds commands to a run has a change id of its own in [workflow.GetVersion], so that adding one is
// safe. All change ids of a run, the user's included, share one search attribute of 2,048 bytes, and ids beyond that
// are not visible. So ours are short, and only the first calls of a kind have one of their own.
const (
	changePrefix = "verdict/"
	maxChangeID  = 23
	ownChanges   = 8
)

// kind is a kind of call that adds commands.
type kind struct {
	letter string
	legacy string // begins the change ids of releases that had no limit
}

// The kinds of calls.
var (
	flushKind      = kind{"f", "verdict/flush/"}
	deferKind      = kind{"d", "verdict/defer/"}
	experimentKind = kind{"e", "verdict/experiment/"}
	shadowKind     = kind{"s", "verdict/shadow/"}
	deferAllKind   = kind{"a", ""}
)

// call identifies one call of a kind among the others in a run.
type call struct {
	kind   kind
	name   string // unique in its kind
	legacy string // its name in the change ids of older releases, which was not always unique; empty if they had no such call
	wanted workflow.Version
	newest workflow.Version // the highest that a history may have
	// declared tells that it is of declared scorers, which share a change id of their own after the first calls.
	declared bool
}

// shared is the change id of all the calls of c's form after the first ones of its kind.
func (c call) shared() string {
	if c.declared {
		return c.kind.shared() + "declared"
	}
	return c.kind.shared()
}

// changeID returns the change id of a call of a kind: its name where that fits, else a digest of it.
func (k kind) changeID(name string) string {
	if id := changePrefix + k.letter + "/" + name; len(id) <= maxChangeID && readable(name) {
		return id
	}
	digest := sha256.Sum256([]byte(k.letter + "\x00" + name))
	return changePrefix + k.letter + "~" + base64.RawURLEncoding.EncodeToString(digest[:6])
}

// readable tells whether a name can go into a change id unchanged: JSON does not escape it, and an @ splits it in two.
func readable(name string) bool {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("_-.@", c)
	}
	return strings.Count(name, "@") <= 1 && strings.IndexFunc(name, func(c rune) bool { return !plain(c) }) < 0
}

// shared is the change id of all the calls after the first ones.
func (k kind) shared() string { return changePrefix + k.letter + "+" }

// AssignedIn returns the values of the search attribute TemporalChangeVersion that mark a run's own assignment in an
// experiment: the run has one of these, by release and by how its worker records. A run with more than eight
// experiments may have none of them.
func AssignedIn(name, version string) []string {
	id := experimentKind.changeID(experimentName(name, version))
	return []string{
		fmt.Sprintf("%s-%d", id, assignedByActivity), fmt.Sprintf("%s-%d", id, assignedBySideEffect),
		fmt.Sprintf("%s%s@%s-%d", experimentKind.legacy, name, version, assignedByActivity),
	}
}

// Shadowed returns the same of a run that started a shadow of a variant.
func Shadowed(name, version, variant string) []string {
	return []string{
		fmt.Sprintf("%s-%d", shadowKind.changeID(shadowName(name, version, variant)), launched),
		fmt.Sprintf("%s%s@%s/%s-%d", shadowKind.legacy, name, version, variant, launched),
	}
}

// experimentName is unique: where the parts hold an @, their lengths tell where one ends.
func experimentName(name, version string) string {
	if strings.Contains(name, "@") || strings.Contains(version, "@") {
		return strconv.Itoa(len(name)) + "@" + name + "@" + version
	}
	return name + "@" + version
}

func shadowName(experiment, version, variant string) string {
	return strconv.Itoa(len(variant)) + "@" + variant + "@" + experimentName(experiment, version)
}

// changes is a run's state of its calls: a function of its history and code.
type changes struct {
	versions map[string]workflow.Version // by change id, once decided
	made     map[kind]int                // calls whose commands are in the history
	absent   map[kind]int                // calls that the history does not have
	modern   bool                        // the history has a change id of this release's form, so no older one follows
	sought   int                         // calls that add nothing, and that the history was asked for
	older    map[string]bool             // calls, by change id, that the history has in the form of an older release
}

// version tells whether a call has its commands in this run, and in which shape: the configured one at its first
// execution, the history's in a replay. The first decision holds for the run, even if the configuration changes:
// [workflow.DefaultVersion] means that the run continues without the call.
func (r *run) version(ctx workflow.Context, c call) workflow.Version {
	id := c.kind.changeID(c.name)
	version, ok := r.changes.versions[id]
	if !ok {
		version = r.decide(ctx, c, id)
		r.changes.versions[id] = version
	}
	return version
}

// part returns a text as a part of the id of a workflow that a call starts. Older releases used every text unchanged,
// and the SDK's workers could run such workflows only with ASCII ids.
func (r *run) part(c call, text string) string {
	if r.changes.older[c.kind.changeID(c.name)] {
		return text
	}
	return wire.ID(text)
}

func (r *run) decide(ctx workflow.Context, c call, id string) workflow.Version {
	var version workflow.Version
	if workflow.IsReplaying(ctx) {
		version = r.replayed(ctx, c, id)
	} else {
		version = r.first(ctx, c, id)
	}
	if version != workflow.DefaultVersion {
		r.changes.made[c.kind]++
	}
	return version
}

// first decides for a call that the run meets for the first time.
func (r *run) first(ctx workflow.Context, c call, id string) workflow.Version {
	if r.cfg.disabled(workflow.GetInfo(ctx).WorkflowType.Name) {
		return workflow.DefaultVersion
	}
	r.changes.modern = true
	if r.changes.made[c.kind] < ownChanges {
		return getVersion(ctx, id, c.wanted)
	}
	return r.ask(ctx, c.shared(), c.wanted)
}

// replayed looks for a call in the history: under its own change id, under an older release's, under the shared one. An
// id that is asked for without being there stays in the search attribute, so it asks for few.
func (r *run) replayed(ctx workflow.Context, c call, id string) workflow.Version {
	made := r.changes.made[c.kind]
	if made < ownChanges && r.changes.absent[c.kind] < ownChanges {
		if version := getVersion(ctx, id, c.newest); version != workflow.DefaultVersion {
			r.changes.modern = true
			return version
		}
		r.changes.absent[c.kind]++
	}
	if !r.changes.modern && c.legacy != "" {
		if version := getVersion(ctx, c.kind.legacy+c.legacy, c.newest); version != workflow.DefaultVersion {
			r.changes.older[id] = true
			return version
		}
	}
	if made < ownChanges {
		return workflow.DefaultVersion
	}
	version := r.ask(ctx, c.shared(), c.newest)
	if c.declared && version == workflow.DefaultVersion {
		version = r.ask(ctx, c.kind.shared(), c.newest) // it was a workflow then
	}
	r.changes.modern = r.changes.modern || version != workflow.DefaultVersion
	return version
}

// found returns the version that the history has of a call that adds nothing to a history now, but did when its scorer was
// another one. It looks for the first of them, as replayed does, and never under a shared id, which is other calls'.
func (r *run) found(ctx workflow.Context, c call) workflow.Version {
	if !workflow.IsReplaying(ctx) || r.changes.sought >= ownChanges {
		return workflow.DefaultVersion
	}
	id := c.kind.changeID(c.name)
	version := getVersion(ctx, id, c.newest)
	if version == workflow.DefaultVersion && !r.changes.modern && c.legacy != "" {
		version = getVersion(ctx, c.kind.legacy+c.legacy, c.newest)
		r.changes.older[id] = version != workflow.DefaultVersion
	}
	if version == workflow.DefaultVersion {
		r.changes.sought++
	} else {
		r.changes.made[c.kind]++
		r.changes.modern = r.changes.modern || !r.changes.older[id]
	}
	return version
}

// ask returns the version of a shared change id, which stays the same once the run has one.
func (r *run) ask(ctx workflow.Context, id string, newest workflow.Version) workflow.Version {
	version, ok := r.changes.versions[id]
	if !ok || version == workflow.DefaultVersion { // a replay may not have reached it yet
		version = getVersion(ctx, id, newest)
		r.changes.versions[id] = version
	}
	return version
}

// getVersion is [workflow.GetVersion] from no version on. In the SDK's test environment there is no history to look at, and a
// user's mocks of OnGetVersion and OnUpsertSearchAttributes would meet our change ids: there it is the newest one.
func getVersion(ctx workflow.Context, id string, newest workflow.Version) workflow.Version {
	if inTestEnvironment(ctx) {
		return newest
	}
	return workflow.GetVersion(ctx, id, workflow.DefaultVersion, newest)
}

func inTestEnvironment(ctx workflow.Context) bool {
	return activities.InTestEnvironment(workflow.GetInfo(ctx).WorkflowExecution.RunID)
}
