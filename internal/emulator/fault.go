package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/spelling"
)

// Fault is one way in which the service can be made to fail, as Options.Faults
// names it: one for each layer that a device has to get through.
type Fault struct {
	Name string
	Arg  string // what the number is that belongs after the name, N as in throttle=3, or SEED; "" elsewhere
	What string // what the service does, in one line

	// Operator: no device meets it, but who asks the enrollment API.
	Operator bool
}

// Usage returns the fault as it is written: its name, with =N or =SEED where that belongs.
func (f Fault) Usage() string {
	if f.Arg == "" {
		return f.Name
	}
	return f.Name + "=" + f.Arg
}

// Faults returns all faults, in the order in which a device would meet them.
func Faults() []Fault {
	list := make([]Fault, len(faultTable))
	for i, f := range faultTable {
		list[i] = f.Fault
	}
	return list
}

// fault is a fault and what it answers instead of what is right. Those that have
// none of it are asked for by name where they act.
type fault struct {
	Fault
	setUp   func(o *Options, n int)        // changes the options of the service
	answer  func(now time.Time) rest.Reply // is every answer, or the first N
	refusal error                          // is the answer to every request of a device
	outcome *outcome                       // is the outcome of every registration
}

// outcome is the end of a registration that gets no hub.
type outcome struct {
	status  string
	code    int
	message string
}

// Faults that are asked for by name.
const (
	faultDNSLess    = "dns-less"
	faultTCPRefuse  = "tcp-refuse"
	faultIntercept  = "tls-intercept"
	faultDrop       = "drop"
	faultRedirect   = "redirect"
	faultOneByte    = "one-byte"
	faultHeaders    = "close-after-headers"
	faultBadBlob    = "bad-blob"
	faultBadHubBlob = "bad-hub-blob"
	faultHubRefuse  = "hub-refuse"
	faultHubSAS     = "hub-sas"
	faultHubDrop    = "hub-drop"
	faultNoKeys     = "local-auth-disabled"
	faultChaos      = "chaos"
)

// Names that no DNS knows (RFC 2606).
const (
	lostHost = "dps.tpmdps.invalid"
	lostHub  = "hub.tpmdps.invalid"
)

// newFault makes a fault that a device can meet.
func newFault(name, arg, what string) Fault { return Fault{Name: name, Arg: arg, What: what} }

var faultTable = []fault{
	{Fault: newFault(faultDNSLess, "", "the service's name is unknown to DNS")},
	{Fault: newFault(faultTCPRefuse, "", "nothing listens where the service should")},
	{Fault: newFault(faultIntercept, "", "certificates come from another authority, `"+interceptor+"`")},
	{Fault: newFault("proxy-407", "", "every request is answered 407 by a proxy that wants a password"),
		answer: proxyRefusal},
	{Fault: newFault("html", "", "every request is answered 200 with a login page"),
		answer: loginPage},
	{Fault: newFault(faultDrop, "N", "the connection is closed instead of an answer, N times")},
	{Fault: newFault(faultOneByte, "", "bodies come at one byte a second")},
	{Fault: newFault(faultHeaders, "", "the connection is closed after the headers of every answer")},
	{Fault: newFault(faultRedirect, "", "every request with a token is answered 302 to another host")},
	{Fault: newFault("clock", "", "the service's clock is 10 minutes ahead, in Date and for tokens"),
		setUp: func(o *Options, _ int) {
			now := o.Now
			o.Now = func() time.Time { return now().Add(10 * time.Minute) }
		}},
	{Fault: newFault("throttle", "N", "the first N requests are answered 429, with Retry-After 1"),
		answer: throttled},
	{Fault: newFault("http-500", "N", "the first N requests are answered 500"),
		answer: broken},
	{Fault: newFault("not-enrolled", "", "no device is enrolled (404201)"),
		refusal: individuals.errNotFound()},
	{Fault: newFault("ek-mismatch", "", "no device has the enrolled EK (400004)"),
		refusal: errEndorsementKey},
	{Fault: newFault(faultBadBlob, "", "no chip can open the challenge")},
	{Fault: newFault("disabled", "", "every enrollment is disabled"),
		outcome: &outcome{status: "disabled"}},
	{Fault: newFault("slow-assign", "N", "registrations stay `assigning` for N seconds"),
		setUp: func(o *Options, n int) { o.AssignDelay = time.Duration(n) * time.Second }},
	{Fault: newFault("allocation-failed", "", "registrations fail: the custom allocation did (400207)"),
		outcome: &outcome{"failed", codeCustomAllocation, "Custom allocation failed with status code: 500"}},
	{Fault: newFault("no-hub", "", "registrations fail: there is no hub (400208)"),
		outcome: &outcome{"failed", codeNoHub, "No IoT hub is linked that could accept the device."}},
	{Fault: newFault("hub-unauthorized", "", "registrations fail: the hub refuses the service (400209)"),
		outcome: &outcome{"failed", codeHubUnauthorized, "IotHubUnauthorizedAccess"}},
	{Fault: newFault("unknown-status", "", "registrations end in an undocumented status"),
		outcome: &outcome{status: "quarantined"}},
	{Fault: newFault(faultBadHubBlob, "", "no chip can open the key of its hub identity")},
	{Fault: newFault("hub-dns", "", "devices are assigned to a hub whose name is unknown to DNS"),
		setUp: func(o *Options, _ int) { o.Hub = lostHub }},
	{Fault: newFault(faultHubRefuse, "", "nothing listens on the hub's port, as behind a firewall")},
	{Fault: newFault(faultHubSAS, "", "the hub accepts no token: CONNACK 5, 401")},
	{Fault: newFault(faultHubDrop, "", "the hub closes every MQTT connection after its CONNACK")},
	{Fault: Fault{Name: faultNoKeys, What: "the enrollment API accepts no SAS token, as with `disableLocalAuth`: 401", Operator: true}},
	{Fault: Fault{Name: faultChaos, Arg: "SEED", Operator: true, What: "one in five requests to the enrollment API is answered 429 or 500, dropped or " +
		"timed out, before or after it was carried out; which ones, SEED decides"}},
}

// maxFaultNumber keeps N seconds a time.Duration.
const maxFaultNumber = 1_000_000

// faults are those that a server has: how many times each is left, or its number.
type faults map[string]*atomic.Int64

// parseFaults reads the names in Options.Faults.
func parseFaults(texts []string) (faults, error) {
	f := faults{}
	for _, text := range texts {
		name, number, given := strings.Cut(text, "=")
		i := slices.IndexFunc(faultTable, func(f fault) bool { return f.Name == name })
		if i < 0 {
			return nil, unknownFault(text, name)
		}
		if given != (faultTable[i].Arg != "") {
			return nil, fmt.Errorf("fault %q: write %s", rest.Clip(text), faultTable[i].Usage())
		}
		f[name] = &atomic.Int64{}
		if !given {
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > maxFaultNumber {
			return nil, fmt.Errorf("fault %q: want a number from 1 to %d", rest.Clip(text), maxFaultNumber)
		}
		f[name].Store(int64(n))
	}
	return f, nil
}

// unknownFault names the fault that is nearest, and all of them.
func unknownFault(text, name string) error {
	var names []string
	for _, f := range faultTable {
		names = append(names, f.Name)
	}
	meant := ""
	if i := slices.Index(names, spelling.Nearest(name, names)); i >= 0 {
		meant = "perhaps " + faultTable[i].Usage() + "; "
	}
	return fmt.Errorf("fault %q: %schoose of %s", rest.Clip(text), meant, faultNames())
}

func faultNames() string {
	var names []string
	for _, f := range faultTable {
		names = append(names, f.Usage())
	}
	return strings.Join(names, ", ")
}

// setUp changes the options as the faults want them.
func (f faults) setUp(o *Options) {
	for _, row := range faultTable {
		if n, ok := f[row.Name]; ok && row.setUp != nil {
			row.setUp(o, int(n.Load()))
		}
	}
}

// on reports whether the server has the fault.
func (f faults) on(name string) bool { return f[name] != nil }

// take reports whether the fault is to act once more.
func (f faults) take(name string) bool { return f.on(name) && f[name].Add(-1) >= 0 }

// refusal is what a device is answered, or nil.
func (f faults) refusal() error {
	for _, row := range faultTable {
		if row.refusal != nil && f.on(row.Name) {
			return row.refusal
		}
	}
	return nil
}

// outcome is what becomes of registrations, or nil.
func (f faults) outcome() *outcome {
	for _, row := range faultTable {
		if row.outcome != nil && f.on(row.Name) {
			return row.outcome
		}
	}
	return nil
}
