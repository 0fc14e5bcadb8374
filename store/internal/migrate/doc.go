// Package migrate brings the schema of a store up to date while the store is used. No step of it locks what the store
// needs for longer than [LockLimit], whatever the number of rows.
//
// A migration is a file NNNN_name.sql. The first ones, in [Set.Base], made the schema before there was this package and
// run whole. Every later one is made of steps. A step begins with a line that says what it is:
//
//	-- change TABLE: what it does
//	-- index NAME on TABLE: what it is for
//	-- fill TABLE: what it does
//	-- fill TABLE by FUNCTION: what it does
//
// A change is DDL whose time does not depend on the rows: a new table, a new column that may be NULL or has a constant
// default. It runs in a transaction that gives up when it cannot have its lock at once, and is tried again. An index is
// one CREATE INDEX; on Postgres it is built beside the writes. A fill brings old rows up to date, in batches of rows with
// id > $1 AND id <= $2, by statements that have nothing to do for a row that is up to date; by FUNCTION it is Go, in
// [Set.Fills].
//
// The release before goes on working on the new schema, until all of its processes are replaced and if it has to come
// back. So a step takes nothing away, code reads a row that is not filled as the release before did, and rows that the
// release before writes meanwhile are filled by the next migration. A step that has been released never changes.
package migrate
