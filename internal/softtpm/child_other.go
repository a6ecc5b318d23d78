//go:build !linux

package softtpm

import "os/exec"

// bindToParent does nothing where a child cannot be told to die with its parent.
func bindToParent(*exec.Cmd) {}
