package emulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tpmdps/internal/contexttest"
	"tpmdps/internal/emulator/entra"
)

// faulty is a server with a fault and a device that it would take.
type faulty struct {
	*client
	chip *softChip
}

func (f faulty) register(header ...string) answer {
	f.Helper()
	return f.send("PUT", f.registerPath("dev1"), registerBody("dev1", f.chip), header...)
}

// request is a registration.
func (f faulty) request(ctx context.Context) *http.Request {
	f.Helper()
	req, err := http.NewRequestWithContext(ctx, "PUT", f.srv.Endpoint()+f.registerPath("dev1")+"?api-version=2021-06-01", strings.NewReader(registerBody("dev1", f.chip)))
	if err != nil {
		f.Fatal(err)
	}
	return req
}

// failed is what the client sees of a request that gets no answer.
func (f faulty) failed() error {
	f.Helper()
	resp, err := f.http.Do(f.request(f.Context()))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		f.Error("the request was answered")
	}
	return err
}

// onHub provisions the device and returns its registration.
func (f faulty) onHub() *registration {
	f.Helper()
	f.provision("dev1", f.chip)
	return f.srv.state.registrations.get("dev1")
}

// result provisions the device up to the end of its operation.
func (f faulty) result() answer {
	f.Helper()
	token := f.challenge("dev1", f.chip)
	a := f.register("Authorization", token)
	if a.StatusCode == 202 {
		a = f.send("GET", f.operationPath("dev1", a.str(f.T, "operationId")), "", "Authorization", token)
	}
	return a
}

func (f faulty) outcome(status, code string) {
	f.Helper()
	a := f.result().expect(f.T, 200, 0)
	if got := a.str(f.T, "status"); got != status {
		f.Errorf("status = %q, want %q", got, status)
	}
	if got := a.str(f.T, "registrationState", "errorCode"); got != code {
		f.Errorf("errorCode = %q, want %q", got, code)
	}
	if _, ok := a.member(f.T, "registrationState", "tpm"); ok {
		f.Error("there is a hub key")
	}
}

// closed checks that the chip cannot open a key.
func (f faulty) closed(text string) {
	f.Helper()
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(blob) == 0 {
		f.Fatalf("key %q: %v", text, err)
	}
	if _, err := f.chip.open(blob); err == nil {
		f.Error("the chip opened the key")
	}
}

// faultEffects says for each fault what a device sees of it.
var faultEffects = map[string]func(faulty){
	"dns-less": func(f faulty) {
		if got := f.srv.Endpoint(); !strings.HasPrefix(got, "https://dps.tpmdps.invalid:") {
			f.Errorf("Endpoint() = %q", got)
		}
	},
	"tcp-refuse": func(f faulty) {
		var refused *net.OpError
		if err := f.failed(); !errors.As(err, &refused) || refused.Op != "dial" {
			f.Errorf("error = %v, want a connection refused", err)
		}
	},
	"tls-intercept": func(f faulty) {
		for _, addr := range []string{f.srv.Addr(), f.srv.hub.Addr().String()} {
			_, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: f.srv.Roots(), ServerName: "localhost"})
			var unknown x509.UnknownAuthorityError
			if !errors.As(err, &unknown) {
				f.Errorf("error = %v, want an unknown authority", err)
			} else if got := unknown.Cert.Issuer.CommonName; !strings.HasPrefix(got, "Corporate TLS Inspection CA") {
				f.Errorf("issuer %q", got)
			}
		}
	},
	"proxy-407": func(f faulty) {
		a := f.register().expect(f.T, 407, 0)
		if got := a.Header.Get("Proxy-Authenticate"); !strings.HasPrefix(got, "Basic realm=") {
			f.Errorf("Proxy-Authenticate = %q", got)
		}
		f.send("CONNECT", "/", "").expect(f.T, 407, 0)
	},
	"html": func(f faulty) {
		a := f.register().expect(f.T, 200, 0)
		if got := a.Header.Get("Content-Type"); got != "text/html; charset=utf-8" || !strings.HasPrefix(string(a.body), "<!DOCTYPE html>") {
			f.Errorf("answer = %s %s", got, a.body)
		}
	},
	"drop": func(f faulty) {
		f.failed()
		f.failed()
		f.register().expect(f.T, 401, 0)
	},
	"one-byte": func(f faulty) {
		// The client's time is over with the first byte. The rest would take
		// minutes: TestSlowWriter has how long.
		ctx, expire := contexttest.WithDeadline(f)
		resp, err := f.http.Do(f.request(ctx))
		if err != nil {
			f.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadFull(resp.Body, make([]byte, 1)); err != nil {
			f.Errorf("the first byte: %v", err)
		}
		expire()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.DeadlineExceeded) {
			f.Errorf("error = %v, want a timeout", err)
		}
	},
	"close-after-headers": func(f faulty) {
		if err := f.failed(); !errors.Is(err, io.ErrUnexpectedEOF) {
			f.Errorf("error = %v, want the end of the body too early", err)
		}
	},
	"redirect": func(f faulty) {
		f.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		f.register().expect(f.T, 401, 0)
		a := f.register("Authorization", "SharedAccessSignature x").expect(f.T, 302, 0)
		if got, want := a.Header.Get("Location"), "https://"+f.srv.Addr()+"/elsewhere"; got != want {
			f.Errorf("Location = %q, want %q", got, want)
		}
	},
	"clock": func(f faulty) {
		a := f.register()
		if got, want := a.Header.Get("Date"), "Sun, 01 Mar 2026 12:10:00 GMT"; got != want {
			f.Errorf("Date = %q, want %q", got, want)
		}
		key := f.chip.mustOpen(f.T, a.str(f.T, "authenticationKey")).key
		short := signed(f.srv.IDScope()+"/registrations/dev1", "registration", key, f.clock.Now().Add(30*time.Second))
		f.register("Authorization", short).expect(f.T, 401, 401002)
		f.register("Authorization", f.deviceToken("dev1", key)).expect(f.T, 202, 0)
	},
	"throttle": func(f faulty) {
		for range 2 {
			a := f.register().expect(f.T, 429, 429000)
			if got := a.Header.Get("Retry-After"); got != "1" {
				f.Errorf("Retry-After = %q, want 1", got)
			}
		}
		f.register().expect(f.T, 401, 0)
	},
	"http-500": func(f faulty) {
		f.register().expect(f.T, 500, 500000)
		f.register().expect(f.T, 500, 500000)
		f.register().expect(f.T, 401, 0)
	},
	"not-enrolled": func(f faulty) { f.register().expect(f.T, 404, 404201) },
	"ek-mismatch":  func(f faulty) { f.register().expect(f.T, 400, 400004) },
	"bad-blob": func(f faulty) {
		f.closed(f.register().expect(f.T, 401, 0).str(f.T, "authenticationKey"))
	},
	"disabled": func(f faulty) { f.outcome("disabled", "") },
	"slow-assign": func(f faulty) {
		a := f.result().expect(f.T, 202, 0)
		f.clock.move(2 * time.Second)
		f.send("GET", a.Request.URL.RequestURI(), "", "Authorization", a.Request.Header.Get("Authorization")).expect(f.T, 200, 0)
	},
	"allocation-failed": func(f faulty) { f.outcome("failed", "400207") },
	"no-hub":            func(f faulty) { f.outcome("failed", "400208") },
	"hub-unauthorized":  func(f faulty) { f.outcome("failed", "400209") },
	"unknown-status":    func(f faulty) { f.outcome("quarantined", "") },
	"bad-hub-blob": func(f faulty) {
		f.closed(f.result().expect(f.T, 200, 0).str(f.T, "registrationState", "tpm", "authenticationKey"))
	},
	"hub-dns": func(f faulty) {
		if got := f.onHub().Hub; got != "hub.tpmdps.invalid" {
			f.Errorf("hub = %q", got)
		}
	},
	"hub-refuse": func(f faulty) {
		reg := f.onHub()
		if conn, err := net.Dial("tcp", f.srv.Hub()); err == nil {
			conn.Close()
			f.Error("somebody listens on the hub's port")
		}
		f.dialWebSocket(f.srv.Host()).MustConnect(f.connect(reg)) // 443 is open
	},
	"hub-sas": func(f faulty) {
		reg := f.onHub()
		if got := f.dial().Connack(f.connect(reg)); got != packets.ErrRefusedNotAuthorised {
			f.Errorf("CONNACK %d, want 5", got)
		}
		f.send("GET", "/devices/dev1/messages/devicebound", "", "Authorization", f.hubToken(reg)).expect(f.T, 401, 0)
	},
	"local-auth-disabled": func(f faulty) {
		f.service("GET", "/enrollments/dev1", "").expect(f.T, 401, 401002)
		f.service("POST", "/enrollments/query", everything).expect(f.T, 401, 401002)
		token := f.accessToken(entra.TenantID, nil)
		f.send("POST", "/enrollments/query", everything, "Authorization", "Bearer "+token).expect(f.T, 200, 0)
		if got := f.result().expect(f.T, 200, 0).str(f.T, "status"); got != "assigned" {
			f.Errorf("a device is %q", got) // it has no such key
		}
	},
	"chaos": func(f faulty) {
		// Of 300 requests each has the trouble of its number, and devices have none.
		met := map[string]int{}
		for n := range uint64(300) {
			want := troubleOf(2, n+1)
			name, status := "", 404
			if want != nil {
				name, status = want.name, troubleStatus(want)
			}
			met[name]++
			if got := f.statusOf("GET", "/enrollments/nobody", ""); got != status {
				f.Errorf("request %d, %q: status %d, want %d", n+1, name, got, status)
			}
			f.register().expect(f.T, 401, 0)
		}
		if len(met) != len(troubles)+1 {
			f.Errorf("met %v, want all of %d", met, len(troubles))
		}
	},
	"hub-drop": func(f faulty) {
		f.dial().MustConnect(f.connect(f.onHub())).Ended("after the CONNACK")
	},
}

func TestFaults(t *testing.T) {
	chip, _ := chips()
	for _, f := range Faults() {
		t.Run(f.Name, func(t *testing.T) {
			o := Options{EnrollOnSight: true, MQTT: "127.0.0.1:0", Faults: []string{argument.ReplaceAllString(f.Usage(), "=2")}}
			clock := newClock()
			o.Now = clock.Now
			c := start(t, o)
			c.clock = clock
			effect := faultEffects[f.Name]
			if effect == nil {
				t.Fatal("there is no test for it")
			}
			effect(faulty{c, chip})
		})
	}
	if len(faultEffects) != len(Faults()) {
		t.Errorf("tests of %d faults, and %d faults", len(faultEffects), len(Faults()))
	}
}

// A byte a second, and no more once the client has gone.
func TestSlowWriter(t *testing.T) {
	for _, tt := range []struct {
		patience time.Duration // of the client
		want     string
		err      error
	}{{time.Hour, "twelve bytes", nil}, {3500 * time.Millisecond, "twel", context.DeadlineExceeded}} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
			defer cancel()
			began, w := time.Now(), httptest.NewRecorder()
			_, err := slowWriter{w, httptest.NewRequestWithContext(ctx, "GET", "/", nil)}.Write([]byte("twelve bytes"))
			if got := w.Body.String(); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("written %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
			if took, want := time.Since(began), min(tt.patience, 12*time.Second); took != want {
				t.Errorf("it took %s, want %s", took, want)
			}
		})
	}
}

// Faults go together.
func TestFaultsTogether(t *testing.T) {
	chip, _ := chips()
	f := faulty{start(t, Options{Faults: []string{"throttle=1", "drop=1", "http-500=1", "not-enrolled"}}), chip}
	f.failed()
	f.register().expect(t, 429, 0)
	f.register().expect(t, 500, 0)
	f.register().expect(t, 404, 404201)
}

func TestFaultNames(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "choose of dns-less, ",
		"trottle=3":              "throttle=N",
		"throttle":               "write throttle=N",
		"throttle=":              "want a number from 1",
		"throttle=0":             "want a number from 1",
		"throttle=-1":            "want a number from 1",
		"throttle=1e3":           "want a number from 1",
		"disabled=1":             "write disabled",
		"slow-assign=9999999999": "want a number from 1",
		"chaos":                  "write chaos=SEED",
		"chaos=":                 "want a number from 1",
		"chaos=0":                "want a number from 1",
		"chaos=x":                "want a number from 1",
		"choas=7":                "perhaps chaos=SEED",
	} {
		_, err := New(Options{Faults: []string{"html", name}})
		if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), want) {
			t.Errorf("New() with fault %q: %v, want %q in it", name, err, want)
		}
	}
}

var faultRow = regexp.MustCompile("(?m)^\\| `([a-z0-9-]+(?:=[A-Z]+)?)` \\| (.*) \\|$")

// argument is what stands after the name of a fault that has a number.
var argument = regexp.MustCompile("=[A-Z]+$")

// The table in the manual is this one.
func TestDocsFaults(t *testing.T) {
	data, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	documented, want := map[string]string{}, map[string]string{}
	for _, row := range faultRow.FindAllStringSubmatch(string(data), -1) {
		documented[row[1]] = row[2]
	}
	for _, f := range Faults() {
		want[f.Usage()] = f.What
	}
	if !maps.Equal(documented, want) {
		for _, f := range Faults() {
			t.Logf("| `%s` | %s |", f.Usage(), f.What)
		}
		t.Errorf("docs/emulator.md has the faults %v, the program has them as above", slices.Sorted(maps.Keys(documented)))
	}
}
