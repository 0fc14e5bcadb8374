// Package releases holds the code to what earlier releases left behind: their stores, the histories of what was open, and
// their programs, which may run beside today's. What a release left is under testdata/releases/<release>:
//
//	source.tar.gz              the release's source without tests, from which its programs are built
//	user/                      programs of the user's that came later, laid over those in the source
//	sqlite/, postgres/         two recordings, one a kind of store:
//	  store.db.gz, store.sql.gz  the store, a SQLite file or statements that restore it
//	  histories.jsonl.gz         every history of the same moment, open and closed
//	  report.json, report.txt    what the release's code reported of the store
//	  facts.json                 what was handed out: the time, tokens, the keys that are held
//
// The folder is add-only: a fixture that the code under test has made proves nothing. To record a release, on its commit:
//
//	go test ./internal/releases -run TestRecord -record v0.2.0
//
// The recorder runs without -record too, into a temporary folder, and what it makes is put to the same tests.
package releases
