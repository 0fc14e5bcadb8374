package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// Call is a call of a tool, which is an activity: what an agent did.
type Call struct {
	// Tool is the activity type.
	Tool string
	// Args are the arguments, each as JSON. In a wanted call nil means: any. A wanted object is met by an object that has its members,
	// and maybe others.
	Args []json.RawMessage
}

// Want returns a wanted call. Arguments are values that become JSON; without any, the arguments may be any.
func Want(tool string, args ...any) Call {
	c := Call{Tool: tool}
	for _, a := range args {
		data, err := json.Marshal(a)
		if err != nil {
			data, _ = json.Marshal(err.Error()) // no call has it
		}
		c.Args = append(c.Args, data)
	}
	return c
}

func (c Call) String() string {
	if c.Args == nil {
		return c.Tool
	}
	return fmt.Sprintf("%s(%s)", c.Tool, bytes.Join(rawBytes(c.Args), []byte(", ")))
}

func rawBytes(all []json.RawMessage) [][]byte {
	out := make([][]byte, len(all))
	for i, a := range all {
		out[i] = a
	}
	return out
}

// Calls are the tools that the run called, in order: its activities. Arguments that are not JSON, or that the history does not have,
// as of most local activities, are nil.
func (r *Run) Calls() []Call {
	var calls []Call
	for s := range r.Activities() {
		c := Call{Tool: s.Type}
		for i := range s.Input.Len() {
			data, err := s.Input.JSON(i)
			if err != nil {
				c.Args = nil
				break
			}
			c.Args = append(c.Args, data)
		}
		calls = append(calls, c)
	}
	return calls
}

// meets tells whether a call is a wanted one.
func (c Call) meets(want Call) bool {
	if c.Tool != want.Tool {
		return false
	}
	if want.Args == nil {
		return true
	}
	if len(c.Args) < len(want.Args) {
		return false
	}
	for i := range want.Args {
		var has, wants any
		if decode(c.Args[i], &has) != nil || decode(want.Args[i], &wants) != nil || !covers(has, wants) {
			return false
		}
	}
	return true
}

func decode(data []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	return d.Decode(to)
}

// covers tells whether a JSON value has every wanted member.
func covers(has, wants any) bool {
	switch w := wants.(type) {
	case map[string]any:
		h, ok := has.(map[string]any)
		for key, v := range w {
			if !ok || !covers(h[key], v) {
				return false
			}
		}
		return ok
	case []any:
		h, ok := has.([]any)
		if !ok || len(h) != len(w) {
			return false
		}
		for i := range w {
			if !covers(h[i], w[i]) {
				return false
			}
		}
		return true
	case json.Number:
		h, ok := has.(json.Number)
		if !ok {
			return false
		}
		if h == w {
			return true
		}
		a, errA := h.Float64()
		b, errB := w.Float64()
		return errA == nil && errB == nil && a == b
	}
	return has == wants
}

// CalledTool scores whether the run called a tool, as "called_" and its name.
func CalledTool(tool string) Scorer {
	return Bool(scoring.Clip("called_"+tool, scoring.MaxName), "1", func(r *Run) (bool, string, error) {
		for range r.Called(tool) {
			return true, "", nil
		}
		return false, "", nil
	})
}

// RightCalls scores whether the run made the wanted calls, as "right_calls": the share of them that it made, in their order. Other
// calls may come between. want names them for a run; without any, or with ok false, the run is not applicable. Its reason names the missing
// ones.
func RightCalls(version string, want func(r *Run) (calls []Call, ok bool)) Scorer {
	return Number("right_calls", version, func(r *Run) (float64, string, error) {
		wanted, ok := want(r)
		if !ok || len(wanted) == 0 {
			return 0, "", Declined("the right calls of this run are not known")
		}
		met := inOrder(r.Calls(), wanted)
		var missing []string
		n := 0
		for i, w := range wanted {
			if met[i] {
				n++
				continue
			}
			missing = append(missing, w.String())
		}
		reason := ""
		if len(missing) > 0 {
			reason = "missing: " + strings.Join(missing, "; ")
		}
		return float64(n) / float64(len(wanted)), reason, nil
	})
}

// inOrder tells which wanted calls belong to a longest common subsequence of both lists.
func inOrder(calls, wanted []Call) []bool {
	best, fits := make([][]int, len(calls)+1), make([][]bool, len(calls))
	for i := range best {
		best[i] = make([]int, len(wanted)+1)
	}
	for i := len(calls) - 1; i >= 0; i-- {
		fits[i] = make([]bool, len(wanted))
		for j := len(wanted) - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1])
			if fits[i][j] = calls[i].meets(wanted[j]); fits[i][j] {
				best[i][j] = max(best[i][j], best[i+1][j+1]+1)
			}
		}
	}
	met := make([]bool, len(wanted))
	for i, j := 0, 0; i < len(calls) && j < len(wanted); {
		switch {
		case fits[i][j] && best[i][j] == best[i+1][j+1]+1:
			met[j] = true
			i, j = i+1, j+1
		case best[i+1][j] >= best[i][j+1]:
			i++
		default:
			j++
		}
	}
	return met
}

// Loops scores how often the run called a tool again with arguments that it had called it with before, as "repeated_calls". Attempts of
// one activity are one call. Its reason names the calls. A run whose activities' arguments are not in its history is not applicable.
func Loops() Scorer {
	return Number("repeated_calls", "1", func(r *Run) (float64, string, error) {
		seen := map[string]bool{}
		var by tally
		n := 0
		for s := range r.Activities() {
			if s.Kind == LocalActivity && s.Input.Len() == 0 || s.Input.Omitted() > 0 {
				continue
			}
			call := s.Type + "\x00" + strings.Join(s.Input.Texts(), "\x00")
			if seen[call] {
				n++
				by.add(s.Type, 1)
			}
			seen[call] = true
		}
		if len(seen) == 0 {
			return 0, "", Declined("it has no activity with arguments")
		}
		return float64(n), by.String(), nil
	})
}

func jsonOf(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // it is for a judge to read
	err := enc.Encode(value)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
