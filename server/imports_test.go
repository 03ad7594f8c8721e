package server_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// module is the prefix of our packages' paths.
const module = "natter/"

// pure are the packages of values and rules: no input or output, no locks, no time.
var pure = []string{"roster", "presence"}

// mayImport says what of ours a package imports: more is an edge that has to be
// argued for in exceptions. docs/architecture.md.
//
//	stanza <- roster <- presence <- server <- c2s <- web
//	server <- admin, server <- xep/NAME <- xep <- servertest, cmd
//	store, auth, cert, relay, proxy <- nothing of ours
func mayImport(pkg, imported string) bool {
	in := func(list ...string) bool { return slices.Contains(list, imported) }
	switch {
	case pkg == "stanza", pkg == "server/store", pkg == "server/auth", pkg == "server/cert", pkg == "server/relay", pkg == "server/proxy", pkg == "server/servertest/scs":
		return false
	case pkg == "roster":
		return in("stanza")
	case pkg == "presence":
		return in("stanza", "roster")
	case pkg == "server":
		return in("stanza", "roster", "presence", "server/store", "server/auth", "server/proxy")
	case pkg == "server/c2s":
		return in("stanza", "server", "server/store", "server/auth", "server/cert", "server/proxy")
	case pkg == "server/web":
		return in("stanza", "server", "server/c2s", "server/store", "server/auth", "server/proxy")
	case pkg == "server/web/webconn":
		return in("stanza")
	case pkg == "server/admin":
		return in("stanza", "server", "server/store")
	case pkg == "server/store/storetest":
		return in("server/store")
	case pkg == "server/xep":
		return in("server") || strings.HasPrefix(imported, "server/xep/")
	case strings.HasPrefix(pkg, "server/xep/"):
		// Extensions know the core and the helpers they share, not each other.
		return in("stanza", "server", "server/store", "server/xep/disco", "server/xep/forms", "server/xep/rsm", "server/xep/pubsub", "server/xep/archive")
	case pkg == "server/servertest":
		return !strings.HasPrefix(imported, "cmd/")
	case strings.HasPrefix(pkg, "cmd/"):
		return imported != "server/servertest"
	}
	return false
}

// exceptions are edges beyond that, each with its reason.
var exceptions = map[string]string{
	"server/xep/blocking -> presence": "blocking changes who is told of presence: its rules are there (XEP-0191 §3.3, §3.4)",
}

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

// packages lists ours, by go list.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

func TestImportsGoOneWay(t *testing.T) {
	used := map[string]bool{}
	for _, p := range packages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if !ours || mayImport(pkg, imported) {
				continue
			}
			edge := pkg + " -> " + imported
			if used[edge] = true; exceptions[edge] == "" {
				t.Errorf("%s: against the rule of docs/architecture.md, and no exception is written down", edge)
			}
		}
		// Tests that need a whole server are external, so that what they test
		// does not import it.
		for _, path := range p.TestImports {
			if path == module+"server/servertest" && !strings.HasPrefix(pkg, "cmd/") {
				t.Errorf("%s: a test inside the package imports servertest; make it external", pkg)
			}
		}
	}
	for edge := range exceptions {
		if !used[edge] {
			t.Errorf("%s is an exception that nothing needs", edge)
		}
	}
}

func TestPurePackagesArePure(t *testing.T) {
	for _, p := range packages(t) {
		if !slices.Contains(pure, strings.TrimPrefix(p.ImportPath, module)) {
			continue
		}
		for _, path := range p.Imports {
			switch root, _, _ := strings.Cut(path, "/"); root {
			case "net", "os", "io", "sync", "time", "context", "database", "log", "math":
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// TestNothingImportsTheCommand: what others can use is in packages, not in the
// program.
func TestNothingImportsTheCommand(t *testing.T) {
	for _, p := range packages(t) {
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if strings.HasPrefix(path, module+"cmd/") && !strings.HasPrefix(p.ImportPath, module+"cmd/") {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}
