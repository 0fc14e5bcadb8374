package user

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/verdict-dev/verdict/internal/deptest"
	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/webhooks"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The users know neither scorers nor Temporal.
func TestUsersKnowNothingOfScorers(t *testing.T) {
	const module = "github.com/verdict-dev/verdict"
	deptest.Forbid(t, module+"/internal/demo/user", "go.temporal.io/", module+"/workflows", module+"/activities", module+"/store", module+"/experiments")
	require.NotContains(t, deptest.Deps(t, module+"/internal/demo/user"), module)
}

// Habits depend on the question and the seed alone, and every one of them occurs.
func TestHabits(t *testing.T) {
	seen := map[Habit]int{}
	for i := range 1000 {
		question := fmt.Sprintf("q-%d", i)
		habit, delay := HabitOf(question, 1, 6*time.Second)
		again, same := HabitOf(question, 1, 6*time.Second)
		require.Equal(t, habit, again)
		require.Equal(t, delay, same)
		require.True(t, delay >= 0 && delay < 6*time.Second)
		seen[habit]++
	}
	for habit, share := range map[Habit]int{AtOnce: 400, Late: 350, Twice: 130, Never: 120} {
		require.InDelta(t, share, seen[habit], 60)
	}
}

// Each user tells what the habit says, through deliveries that verify, and tries again until it is taken.
func TestUsersTell(t *testing.T) {
	const secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
	var mu sync.Mutex
	taken, refused := map[string]int{}, map[string]bool{}
	h, err := webhooks.New(webhooks.StandardWebhooks{Secrets: []string{secret}}, webhooks.Options{
		Mapping: webhooks.Scores,
		Sink: webhooks.SinkFunc(func(_ context.Context, o scoring.Outcome) error {
			mu.Lock()
			defer mu.Unlock()
			if !refused[o.Key] { // the first time there is nobody to hold it
				refused[o.Key] = true
				return fmt.Errorf("not now")
			}
			taken[o.Key]++
			return nil
		}),
	})
	require.NoError(t, err)
	receiver := httptest.NewServer(h)
	defer receiver.Close()

	ctx, cancel := context.WithCancel(t.Context())
	address, done := make(chan string, 1), make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Receiver: receiver.URL, Secret: secret, Seed: 1, Slowest: time.Millisecond,
			Likes: func(Shown) bool { return true }, Ready: func(a string) { address <- a },
		})
	}()
	at := <-address
	want := map[string]int{}
	for i := range 30 {
		s := Shown{MessageID: fmt.Sprintf("m-%d", i), Question: fmt.Sprintf("q-%d", i)}
		switch habit, _ := HabitOf(s.Question, 1, time.Millisecond); habit {
		case AtOnce, Late:
			want[s.MessageID] = 1
		case Twice:
			want[s.MessageID] = 2
		}
		body, err := json.Marshal(s)
		require.NoError(t, err)
		for range 2 { // shown again after the loss of a worker
			res, err := http.Post("http://"+at+"/answers", "application/json", bytes.NewReader(body))
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, http.StatusNoContent, res.StatusCode)
		}
	}
	require.Eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return fmt.Sprint(taken) == fmt.Sprint(want)
	}, time.Minute, 5*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	http.DefaultClient.CloseIdleConnections()
}
