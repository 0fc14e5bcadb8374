package sqlstore

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/verdict-dev/verdict/experiments"
	"github.com/verdict-dev/verdict/scoring"
)

// Register implements store.Store.
func (s *Store) Register(ctx context.Context, r experiments.Registration) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, r.Definition); err != nil {
		return scoring.Invalid("definition", "it is no JSON of one: %v", err)
	}
	r.Definition = compact.Bytes()
	name, version, err := r.Check()
	if err != nil {
		return err
	}
	_, err = write(ctx, s, "register", func(ctx context.Context, t txn) (nothing, error) {
		var l locks
		l.experiment(name, version) // times grow in the order in which rows become visible
		if err := t.hold(ctx, l); err != nil {
			return nothing{}, err
		}
		return nothing{}, t.exec(ctx, `INSERT INTO definitions (experiment, version, digest, definition, namespace, task_queue, build, recorded_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, `+t.dialect.Now+`) ON CONFLICT DO NOTHING`,
			name, version, r.Digest(), string(r.Definition), r.Namespace, r.TaskQueue, r.Build)
	})
	return err
}

// Registrations implements store.Store.
func (s *Store) Registrations(ctx context.Context, experiment, version string) ([]experiments.Registration, error) {
	return collect(ctx, s.read, func(rows *sql.Rows) (r experiments.Registration, err error) {
		var text string
		var at int64
		err = rows.Scan(&text, &r.Namespace, &r.TaskQueue, &r.Build, &at)
		r.Definition, r.At = json.RawMessage(text), time.UnixMicro(at).UTC()
		return r, err
	}, `SELECT definition, namespace, task_queue, build, recorded_at FROM definitions
		WHERE experiment = $1 AND version = $2 ORDER BY recorded_at, digest`, experiment, version)
}
