package emulator

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A listing is made again when the enrollments have changed, in whichever way, and only then.
func TestListing(t *testing.T) {
	enrollments := newTable(func(data []byte) (string, *enrollment, error) {
		return string(data), enrollmentOf(string(data)), nil
	})
	var l listing
	check := func(after string, want ...string) {
		t.Helper()
		var got []string
		for _, p := range l.of(enrollments) {
			got = append(got, p.e.id())
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("after %s: %q, want %q", after, got, want)
		}
	}
	check("the begin")
	enrollments.put("a", enrollmentOf("a"))
	check("put", "a")
	if err := enrollments.restore([]byte("b")); err != nil {
		t.Fatal(err)
	}
	check("restore", "a", "b")
	if first, again := l.of(enrollments), l.of(enrollments); &first[0] != &again[0] {
		t.Error("it is made again for each page")
	}
	enrollments.delete("a")
	check("delete", "b")
	enrollments.drop("b")
	check("drop")
}

// The number in a token is that of the items so far in the last one's partition.
func TestContinuationCounts(t *testing.T) {
	enrollments := newTable[*enrollment](nil)
	for i := range 60 {
		enrollments.put(fmt.Sprint("box-", i), enrollmentOf(fmt.Sprint("box-", i)))
	}
	listed, in := byPartition(enrollments), map[uint32]int{}
	for i, p := range listed {
		in[p.partition]++
		if got, want := continuation(listed[:i+1]), continuationOf(p, in[p.partition]); got != want {
			t.Errorf("after %d: %s, want %s", i+1, got, want)
		}
	}
}

func enrollmentOf(id string) *enrollment {
	return &enrollment{enrollmentView: enrollmentView{RegistrationID: id}, collection: individuals, created: time.Unix(int64(len(id)), 0)}
}
