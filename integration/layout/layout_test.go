// Package layout_test keeps the architecture as drawn: which package may import
// which, and what the pure core must not touch.
package layout_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/understudy-io/understudy/"

// layers are ordered from the outside in: a package imports only what stands
// behind its own layer, or in it.
var layers = []string{"cmd", "infra", "adapters", "projections", "domain"}

// impure are the parts of the standard library that know a clock, a file, a
// socket or a process.
var impure = []string{"os", "net", "syscall", "io/fs", "io/ioutil", "os/exec", "math/rand", "crypto/rand", "log", "log/slog", "testing/synctest"}

// clockwork are the functions of package time that read a clock or start one.
var clockwork = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

type source struct {
	path    string // from the top of the module
	pkg     string // its folder
	layer   string
	isTest  bool
	imports []string
	file    *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	top := filepath.Join("..", "..")
	var out []source
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		rel, err := filepath.Rel(top, path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(rel), isTest: strings.HasSuffix(path, "_test.go"), file: file}
		s.pkg = filepath.ToSlash(filepath.Dir(rel))
		s.layer, _, _ = strings.Cut(s.path, "/")
		for _, imp := range file.Imports {
			name, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, name)
		}
		out = append(out, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d Go files found; is this the module?", len(out))
	}
	return out
}

func TestImportsPointInwards(t *testing.T) {
	for _, s := range sources(t) {
		from := slices.Index(layers, s.layer)
		if from < 0 || s.isTest {
			continue
		}
		for _, imp := range s.imports {
			rest, ours := strings.CutPrefix(imp, module)
			if !ours {
				continue
			}
			layer, _, _ := strings.Cut(rest, "/")
			to := slices.Index(layers, layer)
			switch {
			case to < 0:
				t.Errorf("%s imports %s, which no package of the product may", s.path, imp)
			case to < from:
				t.Errorf("%s imports %s: arrows point inwards, from %s to %s", s.path, imp, strings.Join(layers, " to "), "domain")
			case layer == "adapters" && s.layer == "adapters" && adapter(rest) != adapter(s.pkg) && rest != "adapters/socket": // drivers stand on that
				t.Errorf("%s imports another adapter, %s", s.path, imp)
			}
		}
	}
}

// adapter is the name of the adapter that a package belongs to.
func adapter(pkg string) string {
	parts := strings.Split(pkg, "/")
	if len(parts) < 2 {
		return pkg
	}
	return parts[1]
}

func TestTheDomainKnowsNoClockFileOrSocket(t *testing.T) {
	for _, s := range sources(t) {
		if s.layer != "domain" || s.isTest {
			continue
		}
		for _, imp := range s.imports {
			if strings.Contains(strings.SplitN(imp, "/", 2)[0], ".") && !strings.HasPrefix(imp, module+"domain") {
				t.Errorf("%s imports %s: the domain uses the standard library only", s.path, imp)
			}
			if slices.Contains(impure, imp) || strings.HasPrefix(imp, "net/") {
				t.Errorf("%s imports %s: the domain is pure", s.path, imp)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(clockwork, sel.Sel.Name) {
					t.Errorf("%s uses time.%s: time is a value in the domain", s.path, sel.Sel.Name)
				}
			}
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine: the domain has none", s.path)
			}
			return true
		})
	}
}

// dials are the ways past the valve.
var dials = map[string][]string{
	"net":  {"Dial", "DialTimeout", "Dialer", "DialTCP", "DialUDP", "DialUnix", "DialIP", "ListenUDP", "ListenPacket"},
	"tls":  {"Dial", "DialWithDialer", "Dialer"},
	"http": {"Get", "Head", "Post", "PostForm", "DefaultClient", "DefaultTransport"},
	"unix": {"Socket", "Connect"}, "syscall": {"Socket", "Connect"},
}

// G2: a driver that connected by itself would not be in the valve. Simulators may:
// they are devices.
func TestADriverHasNoWayToADeviceButTheOneThatItIsGiven(t *testing.T) {
	drivers := make(map[string]bool)
	all := sources(t)
	for _, s := range all {
		if s.isTest || s.layer != "adapters" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "domain" && sel.Sel.Name == "Driver" {
					drivers[s.pkg] = true
				}
			}
			return true
		})
	}
	if len(drivers) < 2 {
		t.Fatalf("only %d drivers found", len(drivers))
	}
	for _, s := range all {
		if s.isTest || !drivers[s.pkg] || strings.Contains(filepath.Base(s.path), "simulator") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(dials[x.Name], sel.Sel.Name) {
					t.Errorf("%s uses %s.%s: a driver connects by the Dial of its options, which the valve is in", s.path, x.Name, sel.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		if s.isTest {
			continue
		}
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
	}
	for pkg, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", pkg)
		}
	}
}

func TestNamesSayWhatAFolderIs(t *testing.T) {
	for _, s := range sources(t) {
		for _, part := range strings.Split(s.pkg, "/") {
			if slices.Contains([]string{"util", "utils", "common", "helpers", "types", "models", "manager", "misc"}, part) {
				t.Errorf("%s: %q does not say what it is", s.path, part)
			}
		}
	}
}

func TestTheTopLevelIsAsDrawn(t *testing.T) {
	want := []string{"cmd", "domain", "projections", "adapters", "infra", "deployments", "integration", "docs"}
	for _, dir := range want {
		if info, err := os.Stat(filepath.Join("..", "..", dir)); err != nil || !info.IsDir() {
			t.Errorf("the folder %s is missing", dir)
		}
	}
}

// TestWhoLooksBackCannotReachADevice: no package that reads history knows a
// driver, a server, or a way to write to a log.
func TestWhoLooksBackCannotReachADevice(t *testing.T) {
	imports := make(map[string][]string) // of ours, by package
	for _, s := range sources(t) {
		if !s.isTest {
			for _, imp := range s.imports {
				if rest, ours := strings.CutPrefix(imp, module); ours {
					imports[s.pkg] = append(imports[s.pkg], rest)
				}
			}
		}
	}
	permitted := func(pkg string) bool {
		inner := strings.HasPrefix(pkg, "domain") || strings.HasPrefix(pkg, "projections")
		return inner || slices.Contains(lookBack, pkg) || pkg == "adapters/codec" || pkg == "adapters/archive"
	}
	for _, pkg := range lookBack {
		if len(imports[pkg]) == 0 {
			t.Errorf("%s is not there any more", pkg)
		}
		for _, imp := range imports[pkg] {
			if !permitted(imp) {
				t.Errorf("%s imports %s: who looks back reads, decodes and folds, and nothing else", pkg, imp)
			}
		}
	}
}

// TestARehearsalKnowsNoLog: what plays to a simulator or a spare knows neither the log,
// to write to it, nor a driver that was made for the landscape's devices.
func TestARehearsalKnowsNoLog(t *testing.T) {
	found := 0
	for _, s := range sources(t) {
		if s.pkg != "infra/rehearse" || s.isTest {
			continue
		}
		found++
		for _, imp := range s.imports {
			rest, ours := strings.CutPrefix(imp, module)
			if ours && !strings.HasPrefix(rest, "domain") && !strings.HasPrefix(rest, "projections") {
				t.Errorf("%s imports %s: it gets the list of what to send, and dials one spare", s.path, rest)
			}
		}
	}
	if found == 0 {
		t.Error("infra/rehearse is not there any more")
	}
}

// lookBack are the packages that read history.
var lookBack = []string{"infra/history", "infra/verify"}
