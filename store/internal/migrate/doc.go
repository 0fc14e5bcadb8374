// Package migrate brings the schema of a store up to date while the store is used. No step blocks the store for longer
// than [LockLimit], regardless of the number of rows.
//
// A migration is a file NNNN_name.sql. The first ones, in [Set.Base], made the schema before there was this package and
// run whole. Every later one is made of steps. A step begins with a line that names its kind:
//
//	-- change TABLE: its effect
//	-- change TABLE in postgres: its effect (or in sqlite)
//	-- index NAME on TABLE: its purpose
//	-- fill TABLE: its effect
//	-- fill TABLE by FUNCTION: its effect
//
// A change is DDL whose time does not depend on the rows: a new table, a new column that may be NULL or has a constant
// default; a view, a function, a trigger. It runs in a transaction that gives up when it cannot get its lock at once, and is
// tried again. A change in one database leaves the other one as it is. An index is
// one CREATE INDEX; Postgres builds it without blocking writes. A fill brings old rows up to date, in batches of rows
// with id > $1 AND id <= $2, by statements that have nothing to do for a row that is up to date; by FUNCTION it is Go,
// in [Set.Fills].
//
// The previous release keeps working on the new schema, until all of its processes are replaced and after a rollback.
// So a step removes nothing, code reads an unfilled row as the previous release did, and the next migration fills the
// rows that the previous release writes meanwhile. A released step never changes.
package migrate
