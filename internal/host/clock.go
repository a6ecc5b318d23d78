package host

import (
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Clock is the time of this machine, and what keeps it.
type Clock struct {
	UTC   time.Time `json:"utc"`
	Local string    `json:"local"` // RFC 3339, with the distance to UTC
	// Zone is the time zone's abbreviation, ZoneName its name, such as
	// Europe/Berlin.
	Zone     string `json:"zone"`
	ZoneName string `json:"zone_name"`
	// Synchronized is what the kernel says of its clock: yes, no or unknown.
	Synchronized string `json:"synchronized"`
	// UptimeSeconds is how long the system runs; 0 where that is not known.
	UptimeSeconds int64 `json:"uptime_seconds"`
}

// Clock takes the time.
func (m Machine) Clock(now time.Time) Clock { return readClock(m.files(), now) }

func readClock(fsys fs.FS, now time.Time) Clock {
	c := Clock{UTC: now.UTC().Truncate(time.Second), Local: now.Local().Format(time.RFC3339), Synchronized: synchronized()}
	c.Zone, _ = now.Local().Zone()
	if to, err := fs.ReadLink(fsys, "etc/localtime"); err == nil {
		_, name, _ := strings.Cut(to, "zoneinfo/")
		c.ZoneName = cut(clean(name))
	}
	if c.ZoneName == "" {
		c.ZoneName = line(fsys, "etc/timezone")
	}
	seconds, _, _ := strings.Cut(line(fsys, "proc/uptime"), ".")
	c.UptimeSeconds, _ = strconv.ParseInt(seconds, 10, 64)
	return c
}
