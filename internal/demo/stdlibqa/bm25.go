package stdlibqa

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	_ "modernc.org/sqlite" // FTS5
)

// BM25 is the retriever that knows about words: SQLite's FTS5 with Porter's stemmer, ranked by Okapi BM25 (Robertson
// and Zaragoza 2009; k1 = 1.2, b = 0.75 as FTS5 has them).
type BM25 struct {
	documents []Document
	db        *sql.DB
	query     *sql.Stmt
}

var _ Retriever = (*BM25)(nil)

// search weighs a match in the symbol's path, its declaration and the rest of its comment: a name is chosen to describe
// the thing. Any weight from 1 to 8 finds about as much.
const search = `SELECT rowid, -bm25(documents, 2.0, 1.0, 1.0) AS score FROM documents WHERE documents MATCH ?
	ORDER BY score DESC, rowid LIMIT ?`

// NewBM25 indexes the documents of a corpus in memory. Close frees them.
func NewBM25(ctx context.Context, c *Corpus) (*BM25, error) {
	// The memdb file system shares one database between all connections of the process that name it, and unlike a
	// shared cache lets them read side by side. It lives as long as one of them is open.
	db, err := sql.Open("sqlite", "file:/"+rand.Text()+"?vfs=memdb")
	if err != nil {
		return nil, fmt.Errorf("open the index: %w", err)
	}
	b := &BM25{documents: c.Documents, db: db}
	if err := b.build(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("build the index: %w", err)
	}
	return b, nil
}

func (b *BM25) build(ctx context.Context) error {
	tx, err := b.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	_, err = tx.ExecContext(ctx, `CREATE VIRTUAL TABLE documents
		USING fts5(path, declaration, comment, content='', tokenize='porter unicode61')`)
	if err != nil {
		return err
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO documents (rowid, path, declaration, comment) VALUES (?, ?, ?, ?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, d := range b.documents {
		if _, err := insert.ExecContext(ctx, i, splitNames(d.Symbol), splitNames(d.Signature), splitNames(d.Rest)); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	b.query, err = b.db.PrepareContext(ctx, search)
	return err
}

// Close frees the index. No call may be under way.
func (b *BM25) Close() error { return b.db.Close() }

// Retrieve ranks the documents that have any of the question's words, function words left out. The score is the BM25.
func (b *BM25) Retrieve(ctx context.Context, question string, k int) ([]Hit, error) {
	if err := checkK(k); err != nil {
		return nil, err
	}
	match := matchAny(question)
	if match == "" {
		return nil, ctx.Err()
	}
	rows, err := b.query.QueryContext(ctx, match, k)
	if err != nil {
		return nil, fmt.Errorf("search the index: %w", err)
	}
	defer rows.Close()
	var hits []Hit
	for rows.Next() {
		var i int
		var h Hit
		if err := rows.Scan(&i, &h.Score); err != nil {
			return nil, fmt.Errorf("read a hit: %w", err)
		}
		h.Symbol = b.documents[i].Symbol
		hits = append(hits, h)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("search the index: %w", err)
	}
	return hits, nil
}

// matchAny returns the FTS5 query for any of the question's words; empty if it has none but function words. Words are
// letters and digits alone, so that a quoted one holds nothing that FTS5 would read as an operator.
func matchAny(question string) string {
	terms := words(splitNames(question))
	slices.Sort(terms)
	terms = slices.DeleteFunc(slices.Compact(terms), func(w string) bool { return stopWords[w] })
	if len(terms) == 0 {
		return ""
	}
	return `"` + strings.Join(terms, `" OR "`) + `"`
}
