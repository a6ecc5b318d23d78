package lint

import (
	"slices"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/spelling"
)

// provisioningTables are those that a registration is made from.
var provisioningTables = []string{"provisioning", "tpm"}

// IgnoredProvisioning are the findings about lines that say, under a wrong name or in a wrong
// place, what a registration is made from: the ID scope as scope_id, a table
// [provisionning]. IoT Edge ignores such lines, and so does [Parse].
func (r Report) IgnoredProvisioning() []Finding {
	var found []Finding
	for _, f := range r.Findings {
		if (f.Rule == "unknown-key" || f.Rule == "misplaced-key") && ofProvisioning(f) {
			found = append(found, f)
		}
	}
	return found
}

// Meant is the first of those that was to be a key, such as "id_scope".
func Meant(ignored []Finding, key string) (Finding, bool) {
	i := slices.IndexFunc(ignored, func(f Finding) bool {
		return strings.Contains(" "+f.Fix, " "+key+" = ") || strings.HasSuffix("."+f.Key, "."+key)
	})
	if i < 0 {
		return Finding{}, false
	}
	return ignored[i], true
}

// ofProvisioning reports whether a finding is about those tables: one of its names is
// one of theirs, or like it.
func ofProvisioning(f Finding) bool {
	path := strings.Split(f.Key, ".")
	if slices.Contains(provisioningTables, path[0]) {
		return true
	}
	for _, name := range path {
		if spelling.Slip(name, provisioningTables) != "" {
			return true
		}
	}
	last := path[len(path)-1]
	for _, p := range schema.Places(func(k schema.Key) bool { return true }) {
		if len(p.Table) == 0 || !slices.Contains(provisioningTables, p.Table[0]) || !p.ForTPM() {
			continue
		}
		if p.Key.Called(last) || schema.Formerly[last] == p.Key.Name {
			return true
		}
	}
	return false
}
