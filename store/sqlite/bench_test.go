package sqlite_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// The benchmarks write from many goroutines, as a worker's activities do, to a file that is flushed to the disk, and to
// memory, which shows what is left without the disk.
func benchmark(b *testing.B, write func(s store.Store, i int64) error) {
	for _, kind := range []string{"file", "memory"} {
		for _, writers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/writers=%d", kind, writers), func(b *testing.B) {
				dsn := sqlite.Memory
				if kind == "file" {
					dsn = filepath.Join(b.TempDir(), "verdict.db")
				}
				s, err := sqlite.Open(b.Context(), dsn)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				var next atomic.Int64
				b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
				b.ResetTimer()
				if writers == 1 {
					for b.Loop() {
						if err := write(s, next.Add(1)); err != nil {
							b.Fatal(err)
						}
					}
					return
				}
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := write(s, next.Add(1)); err != nil {
							b.Error(err)
						}
					}
				})
			})
		}
	}
}

func BenchmarkRecord(b *testing.B) {
	ctx := b.Context()
	benchmark(b, func(s store.Store, i int64) error {
		return s.Record(ctx, []scoring.Record{record(fmt.Sprint(i), float64(i))})
	})
}

// One operation is a whole wait: expect, receive and settle.
func BenchmarkExpectReceiveSettle(b *testing.B) {
	ctx := b.Context()
	benchmark(b, func(s store.Store, i int64) error {
		id := fmt.Sprint(i)
		e := scoring.Expectation{
			ScorerRun: scoring.Run{Namespace: "default", WorkflowID: "scorer-" + id, RunID: "r"}, Wait: 1, Scorer: "paid", ScorerVersion: "v1",
			Events: []scoring.Event{{Name: "paid", Key: id}}, Window: scoring.Window{Since: noon, Until: noon.Add(time.Hour)},
			Run: scoring.Run{Namespace: "default", WorkflowID: "w-" + id, RunID: "r"}, At: noon,
		}
		if _, err := s.Expect(ctx, e); err != nil {
			return err
		}
		if _, err := s.Receive(ctx, scoring.Outcome{ID: id, Name: "paid", Key: id, ReceivedAt: noon}); err != nil {
			return err
		}
		paid := scoring.Bool("paid", true)
		paid.Key = "paid@v1"
		unseen, err := s.Settle(ctx, store.Settlement{ScorerRun: e.ScorerRun, Seen: []string{id}, At: noon,
			Records: []scoring.Record{{Score: paid, Run: e.Run, Source: scoring.FromScorer, RecordedAt: noon}}})
		if err == nil && len(unseen) > 0 {
			err = fmt.Errorf("unseen: %v", unseen)
		}
		return err
	})
}
