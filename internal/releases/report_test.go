package releases

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The report of a migrated store says what the release said: every figure, and every line of the text. What is new may be
// beside it.
func TestReportSaysTheSame(t *testing.T) {
	t.Parallel()
	recordings(t, saysTheSame)
}

func saysTheSame(t *testing.T, l left) {
	asJSON, asText := reported(t, l.open(t, l.database(t)), l.facts)
	var then, now any
	require.NoError(t, json.Unmarshal(readFile(t, filepath.Join(l.dir, reportFile)), &then))
	require.NoError(t, json.Unmarshal(asJSON, &now))
	l.mend(then)
	require.Empty(t, strings.Join(differences("", then, now), "\n"))
	require.Empty(t, strings.Join(l.unexplained(missingLines(string(readFile(t, filepath.Join(l.dir, textFile))), string(asText))), "\n"))
}

// differences returns what then says and now does not say, by path. Elements of a list that have a name are compared with
// those of the same name.
func differences(path string, then, now any) []string {
	var all []string
	switch then := then.(type) {
	case map[string]any:
		other, ok := now.(map[string]any)
		if !ok {
			break
		}
		for _, key := range sorted(then) {
			all = append(all, differences(path+"."+key, then[key], other[key])...)
		}
		return all
	case []any:
		other, ok := now.([]any)
		if !ok {
			break
		}
		named := map[string]any{}
		for i, x := range other {
			named[nameOf(x, i)] = x
		}
		for i, x := range then {
			name := nameOf(x, i)
			all = append(all, differences(path+"["+name+"]", x, named[name])...)
		}
		return all
	}
	if x, y, ok := numbers(then, now); ok && math.Abs(x-y) <= 1e-9*math.Abs(x) {
		return nil // the same, added up in another order
	}
	a, errA := json.Marshal(then)
	b, errB := json.Marshal(now)
	if errA != nil || errB != nil || string(a) != string(b) {
		return []string{fmt.Sprintf("%s: %s was %s", path, b, a)}
	}
	return nil
}

func numbers(then, now any) (x, y float64, ok bool) {
	x, okX := then.(float64)
	y, okY := now.(float64)
	return x, y, okX && okY
}

// nameOf is by what an element of a list is known: its names, or its number.
func nameOf(x any, i int) string {
	m, ok := x.(map[string]any)
	if !ok {
		return fmt.Sprint(i)
	}
	var parts []string
	for _, key := range []string{"name", "version", "step", "score", "variant", "metric", "key", "run", "revision"} {
		switch v := m[key].(type) {
		case string, float64:
			parts = append(parts, fmt.Sprint(v))
		case map[string]any:
			parts = append(parts, fmt.Sprint(v["workflow_id"], v["run_id"], v["type"]))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprint(i)
	}
	return strings.Join(parts, " ")
}

// missingLines returns the lines of then whose words are not, in their order, those of a line of now, each behind the
// experiment and the score that it is about.
func missingLines(then, now string) []string {
	var missing []string
	lines := strings.Split(now, "\n")
	experiment, score := "", ""
	for _, line := range strings.Split(then, "\n") {
		words := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "experiment "):
			experiment, score = strings.TrimSuffix(words[1], ","), ""
		case line == "" || len(words) > 1 && !strings.HasPrefix(line, " "):
			score = ""
		case len(words) == 1:
			score = words[0]
		}
		found := slices.ContainsFunc(lines, func(other string) bool {
			rest := words
			for _, w := range strings.Fields(other) {
				if len(rest) > 0 && w == rest[0] {
					rest = rest[1:]
				}
			}
			return len(rest) == 0
		})
		if !found {
			missing = append(missing, experiment+"/"+score+": "+line)
		}
	}
	return missing
}

func sorted(m map[string]any) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// A difference is seen, wherever it is.
func TestDifferencesAreSeen(t *testing.T) {
	t.Parallel()
	recordings(t, func(t *testing.T, l left) {
		golden := readFile(t, filepath.Join(l.dir, reportFile))
		var then any
		require.NoError(t, json.Unmarshal(golden, &then))
		require.Empty(t, differences("", then, then))
		// Each number in turn is another one.
		number := regexp.MustCompile(`(": )(\d+)(\.\d+)?(,?\n)`)
		at := number.FindAllSubmatchIndex(golden, -1)
		require.NotEmpty(t, at)
		for _, m := range at[:min(len(at), 100)] {
			changed := slices.Concat(golden[:m[4]], []byte("987654321"), golden[m[5]:])
			var now any
			require.NoError(t, json.Unmarshal(changed, &now))
			require.Len(t, differences("", then, now), 1, "%s", golden[m[0]:m[1]])
		}
		text := string(readFile(t, filepath.Join(l.dir, textFile)))
		require.Empty(t, missingLines(text, text))
		require.Len(t, missingLines(text, strings.Replace(text, "10 received", "11 received", 1)), 1)
	})
}
