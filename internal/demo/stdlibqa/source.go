package stdlibqa

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/printer"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/verdict-dev/verdict/scoring"
)

// MissingSourcesError reports that the standard library's sources were not found.
type MissingSourcesError struct {
	// GOROOT is where they were looked for; empty when Go was not found at all.
	GOROOT string
	Cause  error
}

func (e *MissingSourcesError) Error() string {
	if e.GOROOT == "" {
		return fmt.Sprintf("no Go installation found, set GOROOT or put go on the PATH: %v", e.Cause)
	}
	return fmt.Sprintf("no Go sources under %s: %v", filepath.Join(e.GOROOT, "src"), e.Cause)
}

func (e *MissingSourcesError) Unwrap() error { return e.Cause }

// goroot returns the first of: the requested one, the environment's, the go command's.
func goroot(ctx context.Context, asked string) (string, error) {
	root := asked
	if root == "" {
		root = os.Getenv("GOROOT")
	}
	if root == "" {
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err != nil {
			return "", &MissingSourcesError{Cause: err}
		}
		root = strings.TrimSpace(string(out))
	}
	if _, err := os.Stat(filepath.Join(root, "src")); err != nil {
		return "", &MissingSourcesError{GOROOT: root, Cause: err}
	}
	return root, nil
}

// release returns the first line of the VERSION file. Checkouts of Go's repository have none.
func release(root string) string {
	version, _ := os.ReadFile(filepath.Join(root, "VERSION"))
	line, _, _ := strings.Cut(string(version), "\n")
	return strings.TrimSpace(line)
}

// symbol is a documented symbol: its document, its own name and the first sentence of its comment.
type symbol struct {
	Document
	name     string
	sentence string
}

func (s symbol) question() string { return removeName(s.sentence, s.name) }

// readSymbols reads the packages named, or all if none is.
func readSymbols(ctx context.Context, root string, packages []string) ([]symbol, error) {
	// Distributions keep the sources elsewhere, behind a link, into which WalkDir would not go.
	src, err := filepath.EvalSymlinks(filepath.Join(root, "src"))
	if err != nil {
		return nil, &MissingSourcesError{GOROOT: root, Cause: err}
	}
	if len(packages) == 0 {
		found, err := listPackages(src)
		if err != nil {
			return nil, &MissingSourcesError{GOROOT: root, Cause: err}
		}
		packages = found
	} else {
		packages = slices.Compact(slices.Sorted(slices.Values(packages)))
		for _, p := range packages {
			if !fs.ValidPath(p) {
				return nil, scoring.Invalid("packages", "%q is not an import path", p)
			}
			if info, err := os.Stat(filepath.Join(src, filepath.FromSlash(p))); err != nil || !info.IsDir() {
				return nil, scoring.Invalid("packages", "%q is not in %s", p, src)
			}
		}
	}
	var all []symbol
	for _, p := range packages {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		read, err := readPackage(src, p)
		if err != nil {
			return nil, fmt.Errorf("read package %s: %w", p, err)
		}
		all = append(all, read...)
	}
	if len(all) == 0 {
		return nil, &MissingSourcesError{GOROOT: root, Cause: errors.New("no documented symbol in them")}
	}
	return all, nil
}

// listPackages returns the import paths of the folders that a user of the standard library may import from.
func listPackages(src string) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || path == src {
			return err
		}
		switch name := d.Name(); {
		case name == "internal", name == "vendor", name == "testdata", name == "cmd", name[0] == '.', name[0] == '_':
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(src, path)
		paths = append(paths, filepath.ToSlash(rel))
		return err
	})
	return paths, err
}

// platform is the platform of the sources, the same on every machine.
func platform() build.Context {
	return build.Context{GOOS: "linux", GOARCH: "amd64", Compiler: "gc", ReleaseTags: build.Default.ReleaseTags}
}

// readPackage returns the documented symbols of a package; none if the folder has no file for the platform.
func readPackage(src, path string) ([]symbol, error) {
	dir := filepath.Join(src, filepath.FromSlash(path))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	target := platform()
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		match, err := target.MatchFile(dir, name)
		if err != nil {
			return nil, err
		}
		if !match {
			continue
		}
		f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if f.Name.Name == "main" {
			continue
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return nil, nil
	}
	pkg, err := doc.NewFromFiles(fset, files, path)
	if err != nil {
		return nil, err
	}
	return packageSymbols(fset, pkg)
}

// packageSymbols returns the documented symbols of a parsed package.
func packageSymbols(fset *token.FileSet, pkg *doc.Package) ([]symbol, error) {
	var symbols []symbol
	add := func(id, name, comment string, decl ast.Decl) error {
		sentence, rest := splitComment(pkg, comment)
		if sentence == "" {
			return nil
		}
		// The package's reader has taken the doc comment, which holds the question, and the body off the declaration.
		var signature strings.Builder
		if err := printer.Fprint(&signature, fset, decl); err != nil {
			return err
		}
		d := Document{Symbol: pkg.ImportPath + "." + id, Signature: signature.String(), Rest: rest}
		symbols = append(symbols, symbol{d, name, sentence})
		return nil
	}
	functions := slices.Clone(pkg.Funcs)
	var errs []error
	for _, t := range pkg.Types {
		errs = append(errs, add(t.Name, t.Name, t.Doc, t.Decl))
		functions = append(functions, t.Funcs...)
		for _, m := range t.Methods {
			errs = append(errs, add(t.Name+"."+m.Name, m.Name, m.Doc, m.Decl))
		}
	}
	for _, f := range functions {
		errs = append(errs, add(f.Name, f.Name, f.Doc, f.Decl))
	}
	return symbols, errors.Join(errs...)
}
