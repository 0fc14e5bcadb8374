package app

import (
	"fmt"
	"io"
	"time"

	"github.com/verdict-dev/verdict/store"
)

// writeOr writes a list, or says that it is empty.
func writeOr[T any](w io.Writer, list []T, none string, write func(io.Writer, []T) error) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(w, none)
		return err
	}
	return write(w, list)
}

// pages reads a list up to a number; 0 is all of it.
func pages[T any](limit int, read func(store.Page) ([]T, store.Cursor, error)) ([]T, error) {
	all, p := []T{}, store.Page{}
	for {
		p.Limit = store.MaxPage
		if limit > 0 {
			p.Limit = min(p.Limit, limit-len(all))
		}
		list, next, err := read(p)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if p.After = next; next == "" || len(all) == limit {
			return all, nil
		}
	}
}

func when(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

func shortTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
