package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// pollers is a server that knows who polls.
type pollers struct {
	client.Client
	mu    sync.Mutex
	last  map[string]time.Time // by task queue
	err   error
	asked int
}

func (p *pollers) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *pollers) DescribeTaskQueue(_ context.Context, queue string, _ enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.err != nil {
		return nil, p.err
	}
	d := &workflowservice.DescribeTaskQueueResponse{}
	if at, ok := p.last[queue]; ok {
		d.Pollers = append(d.Pollers, &taskqueuepb.PollerInfo{LastAccessTime: timestamppb.New(at)})
	}
	return d, nil
}

// Bundles go to a worker that polls for them, and to none of an older release, also after the newer ones have left. While nobody
// polls at all the last answer stands.
func TestWhoTakesBundles(t *testing.T) {
	t.Parallel()
	p := &pollers{last: map[string]time.Time{}}
	c := &Carrier{Client: p, TaskQueue: "verdict"}
	takes := func() bool { // asks again
		c.mu.Lock()
		c.look = time.Time{}
		c.mu.Unlock()
		return c.Bundles(t.Context())
	}
	require.False(t, takes(), "nobody has ever polled")
	p.set(func() { p.last["verdict"] = time.Now() })
	require.False(t, takes(), "a worker of an older release")
	p.set(func() { p.last["verdict-bundles"] = time.Now() })
	require.True(t, takes(), "both releases at once")
	p.set(func() { p.err = errors.New("it is busy") })
	require.True(t, takes())
	p.set(func() { p.err = nil; p.last["verdict-bundles"] = time.Now().Add(-10 * time.Minute) })
	require.False(t, takes(), "the older one is left")
	p.set(func() { p.last["verdict-bundles"] = time.Now() })
	require.True(t, takes())
	p.set(func() { clear(p.last) })
	require.True(t, takes(), "nobody polls")
	p.set(func() { p.err = serviceerror.NewPermissionDenied("no", "") })
	require.False(t, takes())

	p.set(func() { p.err = nil; p.asked = 0 })
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { c.Bundles(t.Context()) })
	}
	all.Wait()
	require.Zero(t, p.asked, "the answer is kept for a while")
}

// A client that panics, as one of go.temporal.io/sdk/mocks does when it expects no call, ends neither the process nor the looks.
func TestAClientThatPanics(t *testing.T) {
	t.Parallel()
	c := &Carrier{Client: &mocks.Client{}}
	l := &link{}
	l.goBy(func() (*Carrier, error) { return c, nil })
	require.False(t, l.bundles(t.Context()))
	require.False(t, l.bundles(t.Context()), "not at once again")
	c.Client = &pollers{last: map[string]time.Time{BundleQueue(""): time.Now()}}
	c.learn(false, 0)
	require.True(t, l.bundles(t.Context()))

	c.Client = &mocks.Client{}
	c.learn(true, 0)
	require.False(t, l.bundles(t.Context()))
	require.False(t, c.looking)
}

// later is an execution whose result comes when told.
type later struct {
	comes chan struct{}
	asked atomic.Int32
}

func (l *later) GetID() string { return "id" }

func (l *later) Get(ctx context.Context, to any) error {
	l.asked.Add(1)
	select {
	case <-l.comes:
	case <-ctx.Done():
		return ctx.Err()
	}
	if b, ok := to.(*Bundled); ok {
		b.Replies = []Reply{{Recorded: Recorded{Held: true}}, {Refused: &Refused{Type: ErrorTypeNotFound, Message: "nobody"}}}
	}
	return nil
}

// Callers share one question about a bundle. One that gives up takes nothing from the others, and after the last has given up the next
// asks again.
func TestReplies(t *testing.T) {
	t.Parallel()
	l := &later{comes: make(chan struct{})}
	r := &result{of: l}
	first, second := Sent{index: 0, result: r}, Sent{index: 1, result: r}
	got, err := first.Reply(t.Context(), time.Millisecond)
	require.NoError(t, err)
	require.True(t, got.Held, "patience has run out: Temporal holds it")

	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			got, err := first.Reply(t.Context(), time.Minute)
			require.NoError(t, err)
			require.True(t, got.Held)
		})
		all.Go(func() {
			_, err := second.Reply(t.Context(), time.Minute)
			require.ErrorContains(t, err, "nobody")
		})
	}
	for range 100 { // while others give up
		_, err := first.Reply(t.Context(), time.Microsecond)
		require.NoError(t, err)
	}
	close(l.comes)
	all.Wait()
	require.LessOrEqual(t, l.asked.Load(), int32(102))
	_, err = second.Reply(t.Context(), time.Minute)
	require.ErrorContains(t, err, "nobody")
}

// A full group goes at once, and each caller gets its own answer. One that gives up is not sent for.
func TestSender(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var groups [][]Batch
	s := &Sender{Gather: time.Hour}
	s.Send = func(_ context.Context, batches []Batch) []Sent {
		mu.Lock()
		defer mu.Unlock()
		groups = append(groups, batches)
		sent := make([]Sent, len(batches))
		for i, b := range batches {
			if b.RunKey != "" {
				sent[i].Err = errors.New(b.RunKey)
			}
		}
		return sent
	}
	require.NoError(t, s.One(t.Context(), says("first", "s")).Err)
	gone, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.One(gone, says("gone", "s")).Err, context.DeadlineExceeded)
	var all sync.WaitGroup
	for i := range 2 * MaxBundle {
		all.Go(func() {
			b := says("run", "s")
			if i == 7 {
				b.RunKey = "bad"
			}
			if err := s.One(t.Context(), b).Err; i == 7 {
				require.EqualError(t, err, "bad")
			} else {
				require.NoError(t, err)
			}
		})
	}
	all.Wait()
	require.Len(t, groups, 3)
	for i, want := range []int{1, MaxBundle, MaxBundle} {
		require.Len(t, groups[i], want)
		for _, b := range groups[i] {
			require.NotEqual(t, "gone", b.Records[0].Run.WorkflowID)
		}
	}
}

// strict is a server that has no standalone activities and refuses some bundles.
type strict struct {
	pollers
	refuses func(Bundle) error
	starts  int
	carried []string // what the workflows that it started carry, by run
}

func (s *strict) ExecuteActivity(context.Context, client.StartActivityOptions, any, ...any) (client.ActivityHandle, error) {
	return nil, serviceerror.NewUnimplemented("none")
}

func (s *strict) ExecuteWorkflow(_ context.Context, _ client.StartWorkflowOptions, _ any, args ...any) (client.WorkflowRun, error) {
	b := args[0].(Bundle)
	s.starts++
	if err := s.refuses(b); err != nil {
		return nil, err
	}
	for _, x := range b.Batches {
		s.carried = append(s.carried, x.Records[0].Run.WorkflowID)
	}
	return nil, nil
}

// A batch that the server refuses fails no other of its bundle. Bundles are made smaller for good only if it was for their size.
func TestACarrierFindsWhatIsRefused(t *testing.T) {
	t.Parallel()
	all := []Batch{says("1", "s"), says("2", "s"), says("3", "s"), says("4", "s")}
	has := func(b Batch, run string) bool { return b.Records[0].Run.WorkflowID == run }
	for name, c := range map[string]struct {
		refuses func(Bundle) error
		want    []string
		small   bool
	}{
		"a batch": {func(b Bundle) error {
			if slices.ContainsFunc(b.Batches, func(x Batch) bool { return has(x, "2") }) {
				return serviceerror.NewInvalidArgument("what the gateway does not like")
			}
			return nil
		}, []string{"1", "3", "4"}, false},
		"a size": {func(b Bundle) error {
			if len(b.Batches) > 1 {
				return serviceerror.NewInvalidArgument("Blob data size exceeds limit.")
			}
			return nil
		}, []string{"1", "2", "3", "4"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &strict{pollers: pollers{last: map[string]time.Time{BundleQueue(""): time.Now()}}, refuses: c.refuses}
			by := &Carrier{Client: s}
			sent := by.HandOver(t.Context(), all)
			require.Equal(t, c.want, s.carried)
			for i, b := range all {
				require.Equal(t, slices.Contains(s.carried, b.Records[0].Run.WorkflowID), sent[i].Err == nil)
			}
			require.Equal(t, c.small, by.most > 0)
		})
	}
}

func TestWhatIsTooLarge(t *testing.T) {
	t.Parallel()
	for _, err := range []error{
		serviceerror.NewInvalidArgument("Blob data size exceeds limit."),
		serviceerror.NewInvalidArgument("transaction size of 5000000 bytes exceeds limit of 4194304 bytes"),
		serviceerror.NewInvalidArgument("transaction size limit exceeded (request ID: 7)"),
		serviceerror.NewInvalidArgument("input exceeds size limit."),
		errors.New("[TMPRL1103] Attempted to upload payloads with size that exceeded the error limit."),
		serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_UNSPECIFIED, "grpc: received message larger than max (9 vs. 4)"),
	} {
		require.True(t, tooLarge(fmt.Errorf("so it is: %w", err)), err)
	}
	for _, err := range []error{
		nil, errors.New("away"),
		serviceerror.NewInvalidArgument("WorkflowId length exceeds limit."),
		serviceerror.NewInvalidArgument("page size may not be negative"),
		serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded"),
	} {
		require.False(t, tooLarge(err), err)
	}
}
