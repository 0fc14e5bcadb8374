package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

func connect(ctx context.Context, dsn string, adjust ...func(*pgxpool.Config)) (db *sql.DB, closeDB func() error, err error) {
	config, err := parse(dsn)
	if err != nil {
		return nil, nil, err
	}
	for _, a := range adjust {
		a(config)
	}
	pooled, err := probe(ctx, config.ConnConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("verdict: connect to Postgres: %w", err)
	}
	if pooled && !saysMode(dsn) {
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, nil, fmt.Errorf("verdict: connect to Postgres: %w", err)
	}
	db = stdlib.OpenDBFromPool(pool)
	return db, func() error {
		err := db.Close()
		pool.Close()
		return err
	}, nil
}

// probe tells whether a pooler that may give each transaction another connection, such as PgBouncer in transaction
// mode, sits in between. A statement prepared on one connection is unknown on the next, so none may be kept by name. A
// pooler gives its clients a process id of its own, for cancelling; Postgres gives the id of the process that answers.
func probe(ctx context.Context, config *pgx.ConnConfig) (pooled bool, err error) {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // works with and without
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // nothing is under way
	var pid int32
	var path string
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid(), current_setting('search_path')`).Scan(&pid, &path); err != nil {
		return false, err
	}
	if asked := searchPath(config); asked != "" && asked != path {
		return false, fmt.Errorf("search_path is %q and not %q: a pooler that ignores startup parameters is in between; set it with ALTER ROLE … SET search_path", path, asked)
	}
	return uint32(pid) != conn.PgConn().PID(), nil
}
