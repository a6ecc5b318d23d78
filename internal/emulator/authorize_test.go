package emulator

import "testing"

// A token for a part of the service opens that part, segment by segment, in any
// case; a service that compares whole resources takes the one for all of it.
func TestWithinBySegment(t *testing.T) {
	for _, tt := range []struct {
		target, audience string
		want             bool
	}{
		{"h/enrollments/box-1", "h", true},
		{"h/enrollments/box-1", "H/Enrollments/", true},
		{"h/enrollments/box-1", "h/enrollments/BOX-1", true},
		{"h/enrollments/box-10", "h/enrollments/box-1", false},
		{"h/enrollments", "h/enrollments/box-1", false},
		{"h/enrollmentsx", "h/enrollments", false},
		{"h.example/enrollments", "h", false},
		{"h", "h/enrollments", false},
		{"h", "h", true},
		{"h", "", false},
	} {
		if got := within(tt.target, tt.audience); got != tt.want {
			t.Errorf("within(%q, %q) = %v, want %v", tt.target, tt.audience, got, tt.want)
		}
	}
}
