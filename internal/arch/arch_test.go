package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module   = "bongsu"
	root     = "../.."
	maxLines = 600
)

// parts do not know each other: what one needs of another it states as an
// interface, and internal/app puts them together.
var parts = []string{"actors", "cluster", "gateway", "persistence"}

// harnesses hold what only tests stand on: they may put parts together.
var harnesses = []string{"internal/await", "internal/testenv", "internal/e2e", "internal/faults", "internal/simulate"}

func isHarness(pkg string) bool {
	return slices.ContainsFunc(harnesses, func(h string) bool { return within(pkg, h) })
}

// source is one Go file.
type source struct {
	path      string // from the root, with slashes
	file      *ast.File
	lines     int
	generated bool
}

func (s *source) pkg() string  { return path.Dir(s.path) }
func (s *source) top() string  { top, _, _ := strings.Cut(s.path, "/"); return top }
func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s *source) imports() []string {
	out := make([]string, len(s.file.Imports))
	for i, spec := range s.file.Imports {
		out[i], _ = strconv.Unquote(spec.Path.Value) // the parser has checked it
	}
	return out
}

func load(t *testing.T) []*source {
	t.Helper()
	var sources []*source
	files := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != root && skipped(entry.Name()):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		sources = append(sources, &source{
			path:      filepath.ToSlash(relative),
			file:      file,
			lines:     strings.Count(string(text), "\n"),
			generated: ast.IsGenerated(file),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) == 0 {
		t.Fatal("no Go files found")
	}
	return sources
}

func skipped(dir string) bool {
	return strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_") || dir == "testdata" || dir == "node_modules"
}

// cmd → internal/app → parts → the rest of internal, of which internal/hub
// knows nothing but the standard library.
func TestImportsPointOneWay(t *testing.T) {
	for _, s := range load(t) {
		if s.isTest() {
			continue // a test may put parts together
		}
		for _, imported := range s.imports() {
			if reason := forbidden(s, imported); reason != "" {
				t.Errorf("%s imports %s: %s", s.path, imported, reason)
			}
		}
	}
}

// forbidden returns why the file may not import the package, "" if it may.
func forbidden(s *source, imported string) string {
	first, _, _ := strings.Cut(imported, "/")
	inside, ours := strings.CutPrefix(imported, module+"/")
	top, _, _ := strings.Cut(inside, "/")
	pkg := s.pkg()
	switch {
	case imported == "log":
		return "logs go through log/slog"
	case within(pkg, "internal/hub") && (ours || strings.Contains(first, ".")):
		return "the domain imports only the standard library"
	case !ours || isHarness(pkg):
		return ""
	case isHarness(inside):
		return "only tests stand on a harness"
	case s.top() == "cmd":
		return ""
	case top == "cmd":
		return "nothing imports commands"
	case within(pkg, "internal/app"):
		return ""
	case within(inside, "internal/app"):
		return "only commands stand above internal/app"
	case s.top() == "internal" && slices.Contains(parts, top):
		return "what the parts share does not know the parts"
	case slices.Contains(parts, s.top()) && slices.Contains(parts, top) && top != s.top():
		return "parts do not import each other; state an interface where it is needed"
	case s.top() == "web":
		return "the web files know nothing of the server"
	}
	return ""
}

func within(pkg, dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") }

func TestTheRulesOfImports(t *testing.T) {
	for _, test := range []struct {
		from, imported string
		permitted      bool
	}{
		{"internal/hub/a.go", "strings", true},
		{"internal/hub/a.go", "github.com/x/y", false},
		{"internal/hub/a.go", "bongsu/internal/kafka", false},
		{"internal/kafka/a.go", "bongsu/internal/hub", true},
		{"internal/kafka/a.go", "bongsu/gateway", false},
		{"gateway/api/a.go", "bongsu/gateway", true},
		{"gateway/api/a.go", "bongsu/internal/kafka", true},
		{"gateway/a.go", "bongsu/actors", false},
		{"persistence/sqlite/a.go", "bongsu/persistence", true},
		{"persistence/sqlite/a.go", "bongsu/cluster", false},
		{"actors/a.go", "bongsu/internal/app", false},
		{"internal/app/a.go", "bongsu/actors", true},
		{"internal/app/a.go", "bongsu/cmd/bongsu", false},
		{"internal/testenv/a.go", "bongsu/persistence/embedded", true},
		{"gateway/a.go", "bongsu/internal/testenv", false},
		{"cmd/bongsu/main.go", "bongsu/internal/testenv", false},
		{"cmd/bongsu/main.go", "bongsu/internal/app", true},
		{"cmd/bongsu/main.go", "log", false},
		{"web/web.go", "embed", true},
		{"web/web.go", "bongsu/internal/hub", false},
	} {
		reason := forbidden(&source{path: test.from}, test.imported)
		if (reason == "") != test.permitted {
			t.Errorf("%s imports %s: permitted is %v, reason %q", test.from, test.imported, !test.permitted, reason)
		}
	}
}

// A library says what it has to say by its results and its log; only a command
// writes to the terminal and ends the process.
func TestOnlyCommandsPrintAndExit(t *testing.T) {
	for _, s := range load(t) {
		if s.top() == "cmd" || s.generated {
			continue
		}
		ast.Inspect(s.file, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch name := calledName(call); {
			case name == "os.Exit" && !s.isTest():
				t.Errorf("%s calls os.Exit", s.path)
			case strings.HasPrefix(name, "fmt.Print") && !isExample(s):
				t.Errorf("%s calls %s", s.path, name)
			case name == "print", name == "println":
				t.Errorf("%s calls %s", s.path, name)
			}
			return true
		})
	}
}

// isExample reports whether the file holds examples, whose output is their test.
func isExample(s *source) bool { return strings.HasSuffix(s.path, "example_test.go") }

func calledName(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if pkg, ok := fun.X.(*ast.Ident); ok {
			return pkg.Name + "." + fun.Sel.Name
		}
	}
	return ""
}

func TestEachPackageHasOneComment(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range load(t) {
		if s.isTest() {
			continue
		}
		if _, seen := comments[s.pkg()]; !seen {
			comments[s.pkg()] = nil
		}
		doc := s.file.Doc.Text()
		if doc == "" {
			continue
		}
		comments[s.pkg()] = append(comments[s.pkg()], s.path)
		want := "Package " + s.file.Name.Name + " "
		if s.file.Name.Name == "main" {
			want = "Command " + path.Base(s.pkg()) + " "
		}
		if !strings.HasPrefix(doc, want) {
			t.Errorf("%s: the package comment does not begin with %q", s.path, want)
		}
	}
	for pkg, files := range comments {
		if len(files) != 1 {
			t.Errorf("package %s has %d package comments %v, want one", pkg, len(files), files)
		}
	}
}

func TestEverythingExportedIsDocumented(t *testing.T) {
	for _, s := range load(t) {
		if s.isTest() || s.generated || s.file.Name.Name == "main" {
			continue
		}
		for _, name := range undocumented(s.file) {
			t.Errorf("%s: %s has no comment", s.path, name)
		}
	}
}

// undocumented returns the exported declarations of the file without a comment.
func undocumented(file *ast.File) []string {
	var names []string
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && receiverIsExported(d) {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedSpec(d, spec)...)
			}
		}
	}
	return names
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && d.Doc == nil {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec: // the comment of a group covers its members
		if s.Names[0].IsExported() && s.Doc == nil && s.Comment == nil && d.Doc == nil {
			return []string{s.Names[0].Name}
		}
	}
	return nil
}

func receiverIsExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	return ast.IsExported(typeName(d.Recv.List[0].Type))
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return typeName(e.X)
	case *ast.IndexExpr:
		return typeName(e.X)
	case *ast.IndexListExpr:
		return typeName(e.X)
	}
	return ""
}

func TestNoFileIsTooLong(t *testing.T) {
	for _, s := range load(t) {
		if !s.generated && s.lines > maxLines {
			t.Errorf("%s has %d lines, want at most %d", s.path, s.lines, maxLines)
		}
	}
}
