// Package releases tests the code against earlier releases: their stores, the histories of their open runs, and their
// programs, which may run in parallel with today's. Each release's files are under testdata/releases/<release>:
//
//	source.tar.gz              the release's source without tests, to build its programs
//	user/                      newer programs of the user, which replace the ones in the source
//	sqlite/, postgres/         two recordings, one a kind of store:
//	  store.db.gz, store.sql.gz  the store, a SQLite file or statements that restore it
//	  histories.jsonl.gz         every history of the same moment, open and closed
//	  report.json, report.txt    the report of the release's code on the store
//	  facts.json                 facts for the tests: the time, tokens, the keys with held scores
//
// The folder is add-only: a fixture that the code under test has made proves nothing. To record a release, on its commit:
//
//	go test ./internal/releases -run TestRecord -record v0.2.0
//
// The recorder runs without -record too, into a temporary folder, and its output goes through the same tests.
package releases
