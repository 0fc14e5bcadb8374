package results

import (
	"fmt"
	"strings"
	"time"

	"github.com/verdict-dev/verdict/experiments"
)

// Origin is where a definition comes from.
type Origin string

// The origins, the first that has a definition being the one in use.
const (
	Configured Origin = "configured" // where the report is made
	Started    Origin = "started"    // the workflow that manages the experiment has it
	Registered Origin = "registered" // a worker's first assignment by it brought it to the store
)

// Source says where a definition comes from.
type Source struct {
	Origin Origin `json:"origin"`
	// Digest identifies a registered definition. At is when it was registered, Namespace, TaskQueue and Build are of the worker that
	// did so first.
	Digest    string    `json:"digest,omitempty"`
	Namespace string    `json:"namespace,omitempty"`
	TaskQueue string    `json:"task_queue,omitempty"`
	Build     string    `json:"build,omitempty"`
	At        time.Time `json:"at,omitzero"`
}

// Contradiction is a definition that differs from the one in use.
type Contradiction struct {
	Source
	Differences []experiments.Difference `json:"differences,omitempty"`
	// Void are the fields that let no verdict hold: see experiments.Contradict.
	Void []string `json:"void,omitempty"`
	// Unreadable is why this release cannot compare it, such as a field of a later one.
	Unreadable string `json:"unreadable,omitempty"`
}

func (s Source) String() string {
	switch s.Origin {
	case Configured:
		return "that is configured here"
	case Started:
		return "that the experiment was started with"
	}
	by := ""
	if s.Build != "" {
		by = " by build " + s.Build
	}
	return fmt.Sprintf("%s %s%s on task queue %s of namespace %s (%.8s)", s.Origin, s.At.UTC().Format(time.DateTime+" MST"), by, s.TaskQueue, s.Namespace, s.Digest)
}

// Faults says, in a line each, which definitions contradict the one in use, in what, and who has them.
func (e Experiment) Faults() (lines []string) {
	for _, c := range e.Contradictions {
		used := "none is in use"
		if e.Definition != nil {
			used = "in use is the one " + e.Definition.String()
		}
		if c.Unreadable != "" {
			lines = append(lines, fmt.Sprintf("the definition %s cannot be read by this release (%s); %s", c.Source, c.Unreadable, used))
			continue
		}
		var fields []string
		for _, d := range c.Differences {
			fields = append(fields, fmt.Sprintf("%s is %s there and %s in use", d.Field, d.Other, d.Used))
		}
		effect := "every unit is read by the one in use"
		if len(c.Void) > 0 {
			effect = "it assigns other units or variants, so no verdict holds: start a new version"
		}
		lines = append(lines, fmt.Sprintf("the definition %s contradicts the one in use: %s; %s; %s", c.Source, strings.Join(fields, ", "), used, effect))
	}
	return lines
}
