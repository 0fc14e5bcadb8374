package app

import (
	"context"
	"errors"

	"github.com/verdict-dev/verdict/store"
)

func openPostgres(context.Context, string) (store.Store, error) {
	return nil, errors.New("not built yet")
}

func migratePostgres(context.Context, string) error { return errors.New("not built yet") }
