package sqlite

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// Memory is the dsn of a database that lives in memory, belongs to one Store, and is gone when that is closed.
const Memory = ":memory:"

// name is a parsed dsn. All code that opens, checks or looks for a file parses it here, so all mean the same file.
type name struct {
	path     string // empty in memory
	existing bool   // the file is not made

	unchanged bool // its schema is not brought up to date
}

// readName takes the path of a file, [Memory], or a file: URI of SQLite with no parameter except mode: others would
// break promises of the store.
func readName(dsn string) (name, error) {
	switch rest, isURI := strings.CutPrefix(dsn, "file:"); {
	case dsn == Memory:
		return name{}, nil
	case isURI:
		return readURI(rest)
	case dsn == "" || strings.ContainsRune(dsn, 0):
		return name{}, scoring.Invalid("dsn", "give the path of a file, a file: URI, or %q", Memory)
	}
	return name{path: dsn}, nil
}

// readURI reads the part of a URI after "file:". See https://www.sqlite.org/uri.html.
func readURI(rest string) (name, error) {
	rest, _, _ = strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	if after, ok := strings.CutPrefix(path, "//"); ok {
		authority, below, found := strings.Cut(after, "/")
		if authority != "" && authority != "localhost" || !found {
			return name{}, scoring.Invalid("dsn", "file:// is followed by the absolute path of a file, as in file:///var/lib/verdict.db")
		}
		path = "/" + below
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return name{}, scoring.Invalid("dsn", "a %% in a file: URI is written %%25")
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return name{}, scoring.Invalid("dsn", "the parameters of the file: URI cannot be read")
	}
	n := name{path: path}
	for key, values := range parameters {
		switch value := values[len(values)-1]; {
		case key == "mode" && value == "rwc":
		case key == "mode" && value == "rw":
			n.existing = true
		case key == "mode" && value == "memory":
			return name{}, nil
		case key == "cache" && value == "private": // which it is
		default:
			// The key is not named: behind a & in a password stands a part of the password.
			return name{}, scoring.Invalid("dsn", "a file: URI may have mode=rw, mode=rwc, mode=memory or cache=private, and no other parameter")
		}
	}
	switch {
	case path == Memory:
		return name{}, nil
	case path == "" || strings.ContainsRune(path, 0):
		return name{}, scoring.Invalid("dsn", "the file: URI names no file")
	}
	return n, nil
}

// Path returns the path of the file that [Open] opens for a dsn, and nothing for one that is in memory.
func Path(dsn string) (string, error) {
	n, err := readName(dsn)
	return n.path, err
}

// Exposed returns those files of a database that other users of the host may read or write.
func Exposed(dsn string) []string {
	n, err := readName(dsn)
	if err != nil || n.path == "" {
		return nil
	}
	var exposed []string
	for _, file := range []string{n.path, n.path + "-wal", n.path + "-shm"} {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o066 != 0 {
			exposed = append(exposed, file)
		}
	}
	return exposed
}

// uri is the name in the driver's form, without the parameters. The path is absolute, so that later connections open
// the same file, and follows an empty authority, so that a path that begins with two slashes names no host. It is not
// cleaned: behind a link, ".." leads elsewhere than it seems.
func (n name) uri() (string, error) {
	path := n.path
	if !filepath.IsAbs(path) {
		dir, err := os.Getwd()
		if err != nil {
			return "", err
		}
		path = dir + string(filepath.Separator) + path
	}
	return "file://" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath(), nil
}
