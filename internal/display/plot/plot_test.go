package plot_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/internal/display"
	"github.com/verdict-dev/verdict/internal/display/plot"
	"github.com/verdict-dev/verdict/report"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// coin is a fair enough, fixed sequence in [0, 1).
type coin uint64

func (c *coin) next() float64 {
	*c = *c*6364136223846793005 + 1442695040888963407
	return float64(*c>>11) / (1 << 53)
}

// memory is a store that holds what it was given.
type memory struct {
	report.Reader
	assignments []scoring.Assignment
	runs        []scoring.RunFacts
	records     []scoring.Record
}

func (memory) Registrations(context.Context, string, string) ([]experiments.Registration, error) {
	return nil, nil
}

func (memory) Counts(context.Context, store.CountFilter) (store.Counts, error) {
	return store.Counts{}, nil
}

func (memory) ScorePage(context.Context, store.Filter, store.Page) ([]scoring.Record, store.Cursor, error) {
	return nil, "", nil
}

// FoldRows has no fold, and no clock that would let a report begin one.
func (memory) FoldRows(context.Context, store.FoldQuery) (store.FoldRows, error) {
	return store.FoldRows{}, nil
}

func (m memory) Experiments(context.Context) ([]store.ExperimentKey, error) {
	return []store.ExperimentKey{{Experiment: m.assignments[0].Experiment, Version: m.assignments[0].Version}}, nil
}

func (m memory) Assignments(context.Context, string, string) ([]scoring.Assignment, error) {
	return m.assignments, nil
}

func (m memory) Runs(_ context.Context, f store.RunFilter) ([]scoring.RunFacts, error) {
	if f.Unflushed {
		return nil, nil
	}
	return m.runs, nil
}

func (m memory) ExperimentRows(context.Context, store.ExperimentKey) (experiments.Rows, error) {
	return experiments.Rows{Assignments: m.assignments, Records: m.records, Runs: m.runs}, nil
}

func (m memory) Scores(context.Context, store.Filter) ([]scoring.Record, error) {
	return m.records, nil
}

func (m memory) Ledger(context.Context, store.LedgerFilter) ([]store.Entry, error) { return nil, nil }

// experiment is a report on three variants whose weights change in the middle. The last of them is harmful.
func experiment(t *testing.T, name string, runs int) (report.Experiment, time.Time) {
	t.Helper()
	var s memory
	variants := []struct {
		name     string
		accepted float64
		seconds  float64
	}{{"control", .6, 40}, {"long prompt", .72, 55}, {"small model", .45, 21}}
	c := coin(7)
	for i := range runs {
		epoch, weights := 0, map[string]float64{"control": 1. / 3, "long prompt": 1. / 3, "small model": 1. / 3}
		if i >= runs/2 {
			epoch, weights = 1, map[string]float64{"control": .45, "long prompt": .45, "small model": .1}
		}
		u, v := c.next(), 0
		for u >= weights[variants[v].name] && v < 2 {
			u -= weights[variants[v].name]
			v++
		}
		id, at := fmt.Sprintf("%05d", i), start.Add(time.Duration(i)*time.Minute)
		run := scoring.Run{Namespace: "default", WorkflowID: "w" + id, RunID: "r" + id}
		a := scoring.Assignment{
			Experiment: name, Version: "1", Epoch: epoch, Variant: variants[v].name, By: scoring.ByWeight, Probabilities: weights,
			Unit: run.RunID, Run: run, FirstRunID: run.RunID, At: at,
		}
		facts := scoring.RunFacts{
			Run: run, FirstRunID: run.RunID, StartedAt: at, Attempt: 1, Status: scoring.RunCompleted, Assigned: []scoring.Ref{a.Ref()},
			ClosedAt: at.Add(time.Duration((.5 + c.next()) * variants[v].seconds * float64(time.Second))),
		}
		if c.next() < .05+.1*float64(v) {
			facts.Status, facts.FailingStep = scoring.RunFailed, "Retrieve"
		}
		s.assignments, s.runs = append(s.assignments, a), append(s.runs, facts)
		s.records = append(s.records, scoring.Record{
			Score: scoring.Bool("accepted", c.next() < variants[v].accepted), Run: run, Source: scoring.FromScorer, RecordedAt: facts.ClosedAt,
		})
	}
	x, err := experiments.New(experiments.Definition{
		Name: name, Version: "1", Control: "control",
		Variants: []experiments.Variant{{Name: "control", Weight: 1}, {Name: "long prompt", Weight: 1}, {Name: "small model", Weight: 1}},
		Primary:  experiments.Metric{Name: "accepted", Type: experiments.Boolean},
		Guardrails: []experiments.Metric{
			{Name: experiments.RunDuration, Type: experiments.Unbounded, Direction: experiments.Lower},
		},
	})
	require.NoError(t, err)
	now := start.Add(time.Duration(runs)*time.Minute + time.Hour)
	r, err := report.Build(t.Context(), s, report.Options{Now: now, Definitions: []*experiments.Experiment{x}, Sequences: true})
	require.NoError(t, err)
	return r.Experiments[0], now
}

// document is an SVG as it was parsed.
type document struct {
	texts        []string
	paths        []map[string]string
	title, desc  string
	width, class string
}

// parse fails unless the data is one well-formed XML document.
func parse(t *testing.T, svg []byte) document {
	t.Helper()
	var doc document
	var in []string
	text := ""
	for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		switch x := token.(type) {
		case xml.StartElement:
			in, text = append(in, x.Name.Local), ""
			attributes := map[string]string{}
			for _, a := range x.Attr {
				attributes[a.Name.Local] = a.Value
			}
			switch x.Name.Local {
			case "path":
				doc.paths = append(doc.paths, attributes)
			case "svg":
				doc.width, doc.class = attributes["width"], attributes["role"]
			}
		case xml.CharData:
			text += string(x)
		case xml.EndElement:
			switch x.Name.Local {
			case "text":
				doc.texts = append(doc.texts, text)
			case "title":
				doc.title = text
			case "desc":
				doc.desc = text
			}
			in = in[:len(in)-1]
		}
	}
	require.Empty(t, in)
	return doc
}

// strokes returns the paths with a stroke of a width.
func (d document) strokes(width string) (paths []string) {
	for _, p := range d.paths {
		if strings.Contains(p["style"], "stroke-width:"+width) && strings.Contains(p["style"], "stroke:#") {
			paths = append(paths, p["d"])
		}
	}
	return paths
}

func svgOf(t *testing.T, f plot.Figure) document {
	t.Helper()
	svg, err := f.SVG()
	require.NoError(t, err)
	again, err := f.SVG()
	require.NoError(t, err)
	require.Equal(t, string(svg), string(again))
	if dir := os.Getenv("PLOT_DIR"); dir != "" { // for who wants to look at them
		png, err := f.PNG()
		require.NoError(t, err)
		name := filepath.Join(dir, strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))
		require.NoError(t, os.WriteFile(name+".svg", svg, 0o644))
		require.NoError(t, os.WriteFile(name+".png", png, 0o644))
	}
	return parse(t, svg)
}

func TestSequence(t *testing.T) {
	t.Parallel()
	e, now := experiment(t, "prompt", 600)
	doc := svgOf(t, plot.Sequence(e, now))
	require.Equal(t, "img", doc.class)
	require.Equal(t, "720pt", doc.width)
	require.Equal(t, "prompt, version 1: accepted", doc.title)
	for _, text := range []string{
		"prompt, version 1: accepted", "difference to control with its 95% interval, which holds at every look; as of 2026-03-01 23:00:00 UTC",
		"matured units, in the order of their assignment", "accepted: difference to control; higher is better",
		"control", "long prompt", "small model", "weights: epoch 1",
	} {
		require.Contains(t, doc.texts, text)
	}
	// Each line has all of its points, and a piece of it stands beside its name.
	lines := doc.strokes("1.8")
	require.Len(t, lines, 4)
	require.NotEmpty(t, e.Sequence.Lines)
	for i, l := range e.Sequence.Lines {
		require.Equal(t, len(l.Points)-1, strings.Count(lines[i], "L"), l.Variant)
		require.Equal(t, 1, strings.Count(lines[2+i], "L"))
	}
	require.Len(t, doc.strokes("0.6"), 4, "the edges of two bands")
	bands := 0
	for _, p := range doc.paths {
		if strings.Contains(p["style"], "fill-opacity:0.14") {
			bands++
		}
	}
	require.Equal(t, 2, bands)
	require.Len(t, doc.strokes("0.7"), 1, "where the weights changed")
	require.Regexp(t, `^Difference to control in accepted, with its 95% interval, as 600 units matured\. long prompt: \S+ \(\S+ to \S+\)\. small model: `, doc.desc)

	// Without colour, the variants' lines are told apart by their dashes.
	dashes := map[string]bool{}
	for _, p := range doc.paths {
		if strings.Contains(p["style"], "stroke-width:1.8") {
			dashes[regexp.MustCompile("stroke-dasharray:[^;\"]*").FindString(p["style"])] = true
		}
	}
	require.Len(t, dashes, 2)
}

func TestForest(t *testing.T) {
	t.Parallel()
	e, now := experiment(t, "prompt", 600)
	panels := display.PanelsOf(e)
	require.Len(t, panels, 3)
	doc := svgOf(t, plot.Forest(e, now))
	for _, text := range []string{
		"prompt, version 1: accepted", "each variant against control, with 95% intervals, which hold at every look; as of 2026-03-01 23:00:00 UTC",
		"accepted: primary, difference", "run.duration: guardrail, lift", "run.failed: known of every run, difference",
		"lift over control, %; lower is better", "difference to control; higher is better",
	} {
		require.Contains(t, doc.texts, text)
	}
	rows := 0
	for _, p := range panels {
		require.NotEmpty(t, p.Effects)
		for _, effect := range p.Effects {
			require.NotNil(t, effect.Interval)
			require.Contains(t, doc.texts, effect.String())
			require.Contains(t, doc.desc, effect.String())
			rows++
		}
	}
	require.Len(t, doc.strokes("1.6"), 3*rows, "a whisker and its two ends for each row")
	names := 0
	for _, text := range doc.texts {
		if text == "long prompt" || text == "small model" {
			names++
		}
	}
	require.Equal(t, rows, names)
	zeros := 0
	for _, p := range doc.paths {
		if strings.Contains(p["style"], "stroke:#1F232B") {
			zeros++
		}
	}
	require.Equal(t, len(panels), zeros, "the control, once a panel")
}

func TestPNG(t *testing.T) {
	t.Parallel()
	e, now := experiment(t, "prompt", 200)
	for name, f := range map[string]plot.Figure{"sequence": plot.Sequence(e, now), "forest": plot.Forest(e, now)} {
		data, err := f.PNG()
		require.NoError(t, err)
		picture, err := png.Decode(bytes.NewReader(data))
		require.NoError(t, err)
		w, h := f.Size()
		require.Equal(t, image.Point{int(2 * w), int(2 * h)}, picture.Bounds().Size(), name)
		colours := map[color.Color]bool{}
		for x := range picture.Bounds().Dx() {
			for y := range picture.Bounds().Dy() {
				colours[picture.At(x, y)] = true
			}
		}
		require.Greater(t, len(colours), 20, name)
	}
}

// What cannot be drawn is said.
func TestNothingToDraw(t *testing.T) {
	t.Parallel()
	few, now := experiment(t, "prompt", 10)
	require.Contains(t, svgOf(t, plot.Sequence(few, now)).texts, "too few units have matured to compare variants: 10 so far")
	require.Contains(t, svgOf(t, plot.Forest(few, now)).texts, "too few units, or all alike")

	none := report.Experiment{Name: "prompt", Version: "1", Decision: "no decision: nothing is scored yet"}
	for _, f := range []plot.Figure{plot.Sequence(none, now), plot.Forest(none, now)} {
		require.Contains(t, svgOf(t, f).texts, "nothing is scored yet")
		require.Equal(t, "There is nothing to draw: no decision: nothing is scored yet", f.Text)
	}
}

// One variant that is known beside one that is not.
func TestAVariantWithTooFewUnits(t *testing.T) {
	t.Parallel()
	e, now := experiment(t, "prompt", 70)
	require.Empty(t, e.Sequence.Lines[1].Points)
	doc := svgOf(t, plot.Sequence(e, now))
	require.Contains(t, doc.texts, "long prompt")
	require.Contains(t, doc.texts, "small model: too few units")
}

// Names are text, however they look, and as long as there is room for.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	e, now := experiment(t, "</title><script>alert(1)</script>\uffff&", 200)
	e.Sequence.Lines[0].Variant = strings.Repeat("<b>&amp;\U0001F980", 30)
	svg, err := plot.Sequence(e, now).SVG()
	require.NoError(t, err)
	require.NotContains(t, string(svg), "<script")
	require.NotContains(t, string(svg), "<b>")
	doc := parse(t, svg)
	require.Equal(t, "</title><script>alert(1)</script>?&, version 1: accepted", doc.title)
	require.NotEmpty(t, doc.texts)
	for _, text := range doc.texts {
		require.LessOrEqual(t, len([]rune(text)), 120)
	}
	forest, err := plot.Forest(e, now).SVG()
	require.NoError(t, err)
	require.NotContains(t, string(forest), "<script")
	parse(t, forest)
}

// Many variants are all named, none above another, and all inside.
func TestManyVariants(t *testing.T) {
	t.Parallel()
	e, now := experiment(t, "prompt", 200)
	line := e.Sequence.Lines[0]
	e.Sequence.Lines = nil
	for i := range 20 {
		line.Variant = fmt.Sprintf("variant %d", i)
		e.Sequence.Lines = append(e.Sequence.Lines, line)
	}
	svg, err := plot.Sequence(e, now).SVG()
	require.NoError(t, err)
	var last float64
	named := regexp.MustCompile(`(?s)y="(-?[\d.]+)"[^>]*>(?:variant \d+|control)</text>`).FindAllStringSubmatch(string(svg), -1)
	require.Len(t, named, 21)
	for i, m := range named {
		y, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		require.Less(t, y, 360., "above the axis")
		require.Greater(t, y, 50., "below the titles")
		if i > 0 {
			require.Greater(t, y, last+9, "names are a line apart")
		}
		last = y
	}
}
