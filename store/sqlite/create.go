package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// creating keeps a file that is being made from being opened by another goroutine: closing it would take away the locks
// that the process has on it by then.
var creating sync.Mutex

// create makes the file, for its owner alone, if there is none; SQLite gives its journals the same permissions. An
// existing file is never opened here: closing it would take away the locks of other connections of this process.
func (n name) create() error {
	creating.Lock()
	defer creating.Unlock()
	info, err := os.Stat(n.path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory", n.path)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case n.existing:
		return fmt.Errorf("there is no such file: %w", err)
	}
	path, err := behindLinks(n.path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// behindLinks follows a link to a file that is not there yet.
func behindLinks(path string) (string, error) {
	const links = 40 // as many as Linux follows
	for range links {
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return "", fmt.Errorf("%s: too many links", path)
}
