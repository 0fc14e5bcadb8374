package sqlite_test

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/verdict-dev/verdict/scoring"
	"github.com/verdict-dev/verdict/store"
	"github.com/verdict-dev/verdict/store/sqlite"
)

// files are the regular files below a directory.
func files(t require.TestingT, dir string) (paths []string) {
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			paths = append(paths, path)
		}
		return err
	}))
	return paths
}

// What Path says is the file that is opened, and the only one that is made, however it is named.
func TestNamesMeanOneFile(t *testing.T) {
	root := t.TempDir()
	t.Chdir(root)
	ways := map[string]func(path string) string{
		"path":             func(p string) string { return p },
		"two slashes":      func(p string) string { return "/" + p },
		"uri":              func(p string) string { return "file:" + escaped(p) },
		"uri, host":        func(p string) string { return "file://localhost" + escaped(p) },
		"uri, no host":     func(p string) string { return "file://" + escaped(p) + "?mode=rwc" },
		"uri, fragment":    func(p string) string { return "file:" + escaped(p) + "?cache=private#part" },
		"uri, two slashes": func(p string) string { return "file:///" + escaped(p) },
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "case")
		require.NoError(t, err)
		base := rapid.StringMatching(`[ -.0-~éß語]{1,12}`).Filter(func(s string) bool { return s != "." && s != ".." }).Draw(t, "base")
		path := filepath.Join(dir, base)
		dsn := ""
		if rapid.Bool().Draw(t, "relative") {
			relative := rapid.SampledFrom([]string{"", "./", "./././"}).Draw(t, "prefix") + filepath.Base(dir) + "/" + base
			dsn = rapid.SampledFrom([]string{relative, "file:" + escaped(relative), "file:" + escaped(relative) + "?mode=rwc"}).Draw(t, "dsn")
		} else {
			dsn = ways[rapid.SampledFrom([]string{"path", "two slashes", "uri", "uri, host", "uri, no host", "uri, fragment", "uri, two slashes"}).Draw(t, "way")](path)
		}
		said, err := sqlite.Path(dsn)
		require.NoError(t, err, dsn)
		_, err = sqlite.OpenExisting(t.Context(), dsn)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.Empty(t, files(t, dir), "a look makes nothing")

		s, err := sqlite.Open(t.Context(), dsn)
		require.NoError(t, err, dsn)
		require.NoError(t, s.Record(t.Context(), []scoring.Record{record("r", 1)}))
		for _, file := range files(t, dir) { // with its journals
			info, err := os.Stat(file)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o600), info.Mode().Perm(), file)
		}
		require.Len(t, files(t, dir), 3)
		require.NoError(t, s.Close())
		require.Equal(t, []string{path}, files(t, dir), dsn)
		info, err := os.Stat(said)
		require.NoError(t, err, said)
		same, err := os.Stat(path)
		require.NoError(t, err)
		require.True(t, os.SameFile(info, same))
		s, err = sqlite.OpenExisting(t.Context(), dsn)
		require.NoError(t, err)
		records, err := s.Scores(t.Context(), store.Filter{})
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.NoError(t, s.Close())
		require.Empty(t, sqlite.Exposed(dsn))
	})
	require.Len(t, files(t, root), len(dirs(t, root)), "one file a case, and none elsewhere")
}

func dirs(t *testing.T, root string) []fs.DirEntry {
	all, err := os.ReadDir(root)
	require.NoError(t, err)
	return all
}

func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func TestNamesThatAreRefused(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dsn := range []string{
		"", "a\x00b", "file:", "file:?mode=rwc", "file:a%00b", "file:%zz", "file://verdict.db", "file://host/verdict.db", "file:a?mode=ro",
		"file:a?cache=shared", "file:a?immutable=1", "file:a?vfs=unix-none", "file:a?_pragma=synchronous(0)", "file:a?mode=%zz",
	} {
		var invalid *scoring.InvalidError
		_, err := sqlite.Path(dsn)
		require.ErrorAs(t, err, &invalid, dsn)
		_, err = sqlite.Open(t.Context(), dsn)
		require.ErrorAs(t, err, &invalid, dsn)
		_, err = sqlite.OpenExisting(t.Context(), dsn)
		require.ErrorAs(t, err, &invalid, dsn)
	}
	for _, dsn := range []string{".", "file:.", "/"} {
		_, err := sqlite.Open(t.Context(), dsn)
		require.ErrorContains(t, err, "is a directory")
	}
	require.Empty(t, files(t, "."))
}

func TestNamesOfMemory(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dsn := range []string{sqlite.Memory, "file::memory:", "file:a?mode=memory", "file::memory:?cache=private"} {
		path, err := sqlite.Path(dsn)
		require.NoError(t, err)
		require.Empty(t, path)
		require.NoError(t, open(t, dsn).Close())
		_, err = sqlite.OpenExisting(t.Context(), dsn)
		require.ErrorIs(t, err, fs.ErrNotExist)
	}
	require.Empty(t, files(t, "."))
	require.NoError(t, open(t, "./:memory:").Close())
	require.Equal(t, []string{":memory:"}, files(t, "."))
	_, err := sqlite.Open(t.Context(), "file:b?mode=rw")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// A link to a file that is not there yet, as a volume may have, leads to one that is its owner's alone.
func TestFileBehindALink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "volume"), 0o755))
	link := filepath.Join(dir, "verdict.db")
	require.NoError(t, os.Symlink("volume/kept.db", link))
	require.NoError(t, open(t, link).Close())
	info, err := os.Lstat(filepath.Join(dir, "volume", "kept.db"))
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode())

	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink("loop", loop))
	_, err = sqlite.Open(t.Context(), loop)
	require.Error(t, err)
	require.False(t, errors.Is(err, fs.ErrNotExist))
}

func TestExposed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "verdict.db")
	s := open(t, path)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	require.Empty(t, sqlite.Exposed(path))
	require.NoError(t, os.Chmod(path, 0o640))
	require.NoError(t, os.Chmod(path+"-wal", 0o604))
	require.Equal(t, []string{path, path + "-wal"}, sqlite.Exposed("file:"+path))
	require.Empty(t, sqlite.Exposed(sqlite.Memory))
}
