package judgetest_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/verdict-dev/verdict/judges"
	"github.com/verdict-dev/verdict/judges/judgetest"
)

// complaints is a [judgetest.T] that keeps what the suite says.
type complaints struct {
	mu   sync.Mutex
	said []string
}

func (c *complaints) Helper() {}

func (c *complaints) Errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// broken is a judge that can be made to break its contract.
type broken struct {
	id    judges.ID
	judge func(ctx context.Context, s judges.Sample) (judges.Verdict, error)
}

func (b broken) ID() judges.ID { return b.id }

func (b broken) Judge(ctx context.Context, s judges.Sample) (judges.Verdict, error) {
	return b.judge(ctx, s)
}

var (
	id     = judges.ID{Name: "j", Version: "1"}
	sample = judges.Sample{Output: "o", Expected: []string{"e"}}
)

func sound(ctx context.Context, _ judges.Sample) (judges.Verdict, error) {
	if err := ctx.Err(); err != nil {
		return judges.Verdict{}, err
	}
	v := judges.Number(0.5, "")
	v.Judge = id
	return v, nil
}

// TestSuiteFindsBrokenJudges is the suite's own negative control.
func TestSuiteFindsBrokenJudges(t *testing.T) {
	t.Parallel()
	var counter atomic.Int64
	for _, c := range []struct {
		name string
		new  func() judges.Judge
		want string
	}{
		{"sound", func() judges.Judge { return broken{id, sound} }, ""},
		{"no version", func() judges.Judge { return broken{judges.ID{Name: "j"}, sound} }, "identity is not valid"},
		{"identity changes", func() judges.Judge {
			return broken{judges.ID{Name: "j", Version: fmt.Sprint(counter.Add(1))}, sound}
		}, "identity is not constant"},
		{"deaf to the context", func() judges.Judge {
			return broken{id, func(_ context.Context, s judges.Sample) (judges.Verdict, error) {
				return sound(context.Background(), s)
			}}
		}, "canceled context"},
		{"verdict and error", func() judges.Judge {
			return broken{id, func(ctx context.Context, s judges.Sample) (judges.Verdict, error) {
				v, _ := sound(context.Background(), s)
				return v, ctx.Err()
			}}
		}, "together with the error"},
		{"neither", func() judges.Judge {
			return broken{id, func(ctx context.Context, _ judges.Sample) (judges.Verdict, error) { return judges.Verdict{}, ctx.Err() }}
		}, "verdict is not valid"},
		{"of another judge", func() judges.Judge { return broken{judges.ID{Name: "k", Version: "1"}, sound} }, "not k@1"},
		{"changes the sample", func() judges.Judge {
			return broken{id, func(ctx context.Context, s judges.Sample) (judges.Verdict, error) {
				if ctx.Err() == nil && s.Expected[0] == "e" {
					s.Expected[0] = "f"
				}
				return sound(ctx, s)
			}}
		}, "changed the sample"},
		{"fails now and then", func() judges.Judge {
			var calls atomic.Int64
			return broken{id, func(ctx context.Context, s judges.Sample) (judges.Verdict, error) {
				if calls.Add(1) > 5 {
					return judges.Verdict{}, errors.New("tired")
				}
				return sound(ctx, s)
			}}
		}, "concurrent calls failed"},
	} {
		own := sample
		own.Expected = []string{"e"}
		got := &complaints{}
		judgetest.Run(got, c.new, own)
		if c.want == "" {
			require.Empty(t, got.said, c.name)
			continue
		}
		require.Contains(t, strings.Join(got.said, "\n"), c.want, c.name)
	}
}

func TestRunFailingFindsJudgesThatHideIt(t *testing.T) {
	t.Parallel()
	for name, judge := range map[string]func(context.Context, judges.Sample) (judges.Verdict, error){
		"a value":       sound,
		"another error": func(context.Context, judges.Sample) (judges.Verdict, error) { return judges.Verdict{}, errors.New("x") },
		"no class": func(context.Context, judges.Sample) (judges.Verdict, error) {
			return judges.Verdict{}, &judges.Error{}
		},
		"both": func(ctx context.Context, s judges.Sample) (judges.Verdict, error) {
			v, _ := sound(ctx, s)
			return v, &judges.Error{Class: judges.Timeout}
		},
	} {
		got := &complaints{}
		judgetest.RunFailing(got, func() judges.Judge { return broken{id, judge} }, sample)
		require.NotEmpty(t, got.said, name)
	}
	got := &complaints{}
	judgetest.RunFailing(got, func() judges.Judge { return judges.NewScripted("s") }, sample)
	require.Empty(t, got.said)
}
