package releases

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var commit = flag.String("commit", "HEAD", "the commit of the release that -record records")

// userProgram is where the user's program is in the source of a release.
const userProgram = "internal/releases/user"

// writeSource keeps what the programs of a commit are built from. The same commit makes the same bytes.
func writeSource(t *testing.T, to string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "-C", "../..", "archive", "--format=tar", *commit).Output()
	require.NoError(t, err)
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if h.Typeflag == tar.TypeReg && needed(h.Name) {
			files[h.Name], err = io.ReadAll(r)
			require.NoError(t, err)
		}
	}
	// A release from before the program was there has it all the same.
	program, err := filesIn("user")
	require.NoError(t, err)
	for name, text := range program {
		if in := path.Join(userProgram, name); files[in] == nil {
			files[in] = text
		}
	}
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		require.NoError(t, w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name])), Format: tar.FormatUSTAR}))
		_, err := w.Write(files[name])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	writeFile(t, to, packed.Bytes())
}

// needed tells whether a file is of what a program is built from.
func needed(name string) bool {
	switch {
	case name == "go.mod", name == "go.sum", name == "LICENSE":
		return true
	case strings.HasSuffix(name, "_test.go"), strings.Contains(name, "testdata/"):
		return false
	case strings.HasPrefix(name, "devserver/"), strings.HasPrefix(name, "examples/"):
		return false
	}
	return slices.Contains([]string{".go", ".sql", ".html"}, path.Ext(name))
}

// filesIn returns the files of a folder by their paths in it. A folder that is not there has none.
func filesIn(dir string) (map[string][]byte, error) {
	files := map[string][]byte{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err == nil {
			files[filepath.ToSlash(name)], err = os.ReadFile(file)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return files, err
}
