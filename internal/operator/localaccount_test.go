package operator

import (
	"testing"

	"tpmdps/internal/environment"
)

// A name in the environment counts only where it cannot come from the user.
func TestLocalAccount(t *testing.T) {
	users := map[string]string{"0": "root", "1000": "alice", "1001": "eve, through sudo from root", "1002": "bob\u202e\n\"", "1003": "PLANT\\carol"}
	for _, tt := range []struct {
		uid              int
		sudoUser, sudoID string
		want             string
	}{
		{0, "", "", "root"},
		{0, "alice", "1000", "root, through sudo from alice"},
		{0, "PLANT\\carol", "1003", "root, through sudo from PLANT\\carol"},
		{0, "alice", "", "root"},
		{0, "", "1000", "root"},
		{0, "alice", "0", "root"},
		{0, "root", "1000", "root"},
		{0, "bob", "1000", "root"},
		{0, "alice)", "1000", "root"},
		{0, "alice\n", "1000", "root"},
		{0, "alice (sudo by root)", "1000", "root"},
		{0, "Alice", "1000", "root"},
		{0, "alice", "01000", "root"},
		{0, "alice", "+1000", "root"},
		{0, "alice", "4294968296", "root"}, // 1000 and 2^32
		{0, "alice", "-1", "root"},
		{0, "alice", "9", "root"},
		{0, "eve, through sudo from root", "1001", `root, through sudo from "eve, through sudo from root"`},
		{1000, "root", "0", "alice"},
		{1000, "carol", "1003", "alice"},
		{1001, "", "", `"eve, through sudo from root"`},
		{1002, "", "", `"bob??\""`},
		{7777, "", "", "uid 7777"},
		{7777, "alice", "1000", "uid 7777"},
	} {
		byID := func(uid string) (string, bool) { name, ok := users[uid]; return name, ok }
		got := localAccount{tt.uid, tt.sudoUser, tt.sudoID, byID}.String()
		if got != tt.want {
			t.Errorf("uid %d, SUDO_USER %q, SUDO_UID %q: %q, want %q", tt.uid, tt.sudoUser, tt.sudoID, got, tt.want)
		}
	}
	for _, uid := range []string{"", "x", "-1", "00", "+0", " 0", "4294967296", "0\n"} {
		if name, ok := nameOfUID(uid); ok {
			t.Errorf("nameOfUID(%q) = %q", uid, name)
		}
	}
}

// The variables are handed in: what this process has does not count.
func TestLocalAccountOfVariables(t *testing.T) {
	self, ok := nameOfUID("0")
	if !ok {
		self = "uid 0"
	}
	t.Setenv("SUDO_USER", self)
	t.Setenv("SUDO_UID", "0")
	if got := LocalAccount(0, environment.Of(nil, false)); got != self {
		t.Errorf("without variables: %q, want %q", got, self)
	}
	want := self
	if ok {
		want += ", through sudo from " + self
	}
	if got := LocalAccount(0, environment.Of([]string{"SUDO_USER=" + self, "SUDO_UID=0"}, false)); got != want {
		t.Errorf("with sudo's: %q, want %q", got, want)
	}
}
