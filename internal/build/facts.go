// Package build says what the program was built from: its modules with their sums, as
// the toolchain wrote them into it, and the same as a bill of materials. Pure.
package build

import "runtime/debug"

// Facts are what a program was built from.
type Facts struct {
	Version string // a tag or a short commit
	Commit  string
	Date    string // of the commit, RFC 3339
	Go      string // the Go release, such as go1.26.8
	System  string // GOOS of the build
	Machine string // GOARCH of the build
	Main    string // the import path of the program
	Module  string // the module that it is in
	// Settings are how it was built, as go version -m prints them.
	Settings map[string]string
	Modules  []Module
}

// Module is one that code of the program is from.
type Module struct {
	// Path and Version are of the code that was compiled: where a module was replaced,
	// those of the other one. The version of a folder is "".
	Path    string `json:"path"`
	Version string `json:"version"`
	// Sum is the module's sum as in go.sum; "" for a folder.
	Sum string `json:"sum"`
	// Replaces is the module that it was built instead of, as path@version; "" for none.
	Replaces string `json:"replaces"`
}

// Read makes facts of what the toolchain wrote into a program. What the linker was told
// (version, commit, date) it does not know. Modules are in the toolchain's order:
// by the paths that the program imports.
func Read(info *debug.BuildInfo) Facts {
	f := Facts{Go: info.GoVersion, Main: info.Path, Module: info.Main.Path, Settings: map[string]string{}, Modules: []Module{}}
	for _, s := range info.Settings {
		f.Settings[s.Key] = s.Value
	}
	f.System, f.Machine = f.Settings["GOOS"], f.Settings["GOARCH"]
	for _, m := range info.Deps {
		f.Modules = append(f.Modules, compiled(m))
	}
	return f
}

func compiled(m *debug.Module) Module {
	if m.Replace == nil {
		return Module{Path: m.Path, Version: m.Version, Sum: m.Sum}
	}
	was := m.Path
	if m.Version != "" {
		was += "@" + m.Version
	}
	return Module{Path: m.Replace.Path, Version: m.Replace.Version, Sum: m.Replace.Sum, Replaces: was}
}
