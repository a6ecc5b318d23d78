package environment

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
)

var service = &url.URL{Scheme: "https", Host: "global.azure-devices-provisioning.net"}

// Addresses that are read, and as what. "" is no proxy at all.
func TestProxyIsRead(t *testing.T) {
	for value, want := range map[string]struct{ host, name, password string }{
		"http://proxy.example:3128":                     {"proxy.example:3128", "", ""},
		"http://proxy.example:3128/":                    {"proxy.example:3128", "", ""},
		"HTTP://proxy.example:3128":                     {"proxy.example:3128", "", ""},
		"https://proxy.example:443":                     {"proxy.example:443", "", ""},
		"http://proxy":                                  {"proxy", "", ""},
		"proxy.example":                                 {"proxy.example", "", ""},
		"http://proxy.example.:3128":                    {"proxy.example.:3128", "", ""},
		"proxy.example:8080":                            {"proxy.example:8080", "", ""},
		"10.0.0.1:8080":                                 {"10.0.0.1:8080", "", ""},
		"http://[2001:db8::1]:3128":                     {"[2001:db8::1]:3128", "", ""},
		"[2001:db8::1]":                                 {"[2001:db8::1]", "", ""},
		"http://web_proxy.plant.example:3128":           {"web_proxy.plant.example:3128", "", ""},
		"http://bücher.example:3128":                    {"xn--bcher-kva.example:3128", "", ""},
		"http://me:sesame@proxy:3128":                   {"proxy:3128", "me", "sesame"},
		"me:sesame@proxy:3128":                          {"proxy:3128", "me", "sesame"},
		"http://DOMAIN%5Cuser:a%40b%3Ac%2Fd@proxy:3128": {"proxy:3128", `DOMAIN\user`, "a@b:c/d"},
		"http://me:se@same@proxy:3128":                  {"proxy:3128", "me", "se@same"},
		"http://me:se:same@proxy:3128":                  {"proxy:3128", "me", "se:same"},
		"http://me:50%25%23%3F@proxy:3128":              {"proxy:3128", "me", "50%#?"},
		"http://me@proxy:3128":                          {"proxy:3128", "me", ""},
		"http://me:$a!b*c(d)@proxy:3128":                {"proxy:3128", "me", "$a!b*c(d)"},
		"":                                              {},
	} {
		for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
			p, note, err := Of([]string{name + "=" + value}, false).Proxies()
			if err != nil || note != "" {
				t.Errorf("%s=%s: %v, %q", name, value, err, note)
				continue
			}
			u := p.For(service)
			if value == "" {
				if u != nil || p.Secure() != "" {
					t.Errorf("%s empty: %v by %q", name, u, p.Secure())
				}
				continue
			}
			password, _ := u.User.Password()
			if u.Host != want.host || u.User.Username() != want.name || password != want.password || p.Secure() != name {
				t.Errorf("%s=%s: host %q, name %q, password %q, by %q", name, value, u.Host, u.User.Username(), password, p.Secure())
			}
		}
	}
}

// Unusable are values of a proxy's variable that cannot be read. Each P is a password,
// or the rest of one.
var unusable = []string{
	" http://me:P@proxy:3128", "http://me:P@proxy:3128 ", "\thttp://me:P@proxy:3128", "\u00a0http://me:P@proxy:3128",
	"http://me:P@proxy:3128\r", "http://me:P@proxy:3128\r\n", "http://me:P@proxy:3128\n", "\ufeffhttp://me:P@proxy:3128", " ", "\r\n",
	`"http://me:P@proxy:3128"`, "'http://me:P@proxy:3128'", "\u201chttp://me:P@proxy:3128\u201d", "`http://me:P@proxy:3128`", `http://me:P@proxy:3128"`,
	`http://DOMAIN\user:P@proxy:3128`, `DOMAIN\user:P@proxy:3128`, `http:\\proxy:3128`, `http://me:a\P@proxy:3128`,
	"http://me:12%P@proxy:3128", "http://me:P%@proxy:3128", "http://me:P%zz@proxy:3128", "http://me:P%4@proxy:3128",
	"http://me:12/P@proxy:3128", "http://me:/P@proxy:3128", "me:12/P@proxy:3128", "http://me/P@proxy:3128",
	"http://me:12#P@proxy:3128", "http://me:#P@proxy:3128", "me:12#P@proxy:3128",
	"http://me:12?P@proxy:3128", "http://me:?P@proxy:3128", "me:12?P@proxy:3128",
	"http://me:a P@proxy:3128", "http://me:a\tP@proxy:3128", "http://me:a<P>@proxy:3128", "http://me:{P}@proxy:3128", "http://me:P|x@proxy:3128",
	"http://me:P^x@proxy:3128", "http://me:äP@proxy:3128", "http://me:[P]@proxy:3128", "http://me:P%00@proxy:3128", "http://me:P%0d%0a@proxy:3128",
	"http://me%3Ayou:P@proxy:3128", "http://me:P@", "http://me:P@:3128", "http://me:P@/", "http://", "http://:3128", ":3128", "://proxy:3128", "//proxy:3128",
	"http://me:P@proxy:", "http://me:P@proxy:0", "http://me:P@proxy:65536", "http://me:P@proxy:http", "http://me:P@proxy:-1", "http://me:P@proxy:3128:1", "http://me:P",
	"http://me:P@proxy:3128/path", "http://me:P@proxy:3128?q", "http://me:P@proxy:3128#f", "http://me:P@proxy:3128//", "http://me:P@proxy:3128;", "http://me:P@a,b:3128",
	"socks5://me:P@proxy:1080", "socks5h://me:P@proxy:1080", "socks4://proxy:1080", "ftp://me:P@proxy:21", "htp://me:P@proxy:3128", "http:/me:P@proxy:3128", "P://me@proxy",
	"http:me:P@proxy:3128", "http;//me:P@proxy:3128", "https//me:P@proxy:3128", "http://http://me:P@proxy:3128",
	"http://me:P@2001:db8::1:3128", "http://me:P@2001:db8::1", "http://[2001:db8::1:3128", "http://[P]:3128", "http://[fe80::1%25eth0]:3128", "::1",
	"http://me:P@10.0.0.256:3128", "http://me:P@10.0.0:3128", "http://me:P@pro xy:3128", "http://me:P@pro..xy:3128", "http://me:P@.proxy:3128", "http://me:P@%70roxy:3128",
	"PROXY proxy:3128; DIRECT", "https=me:P@proxy:3128", "http=proxy:3128", "SOCKS=me:P@proxy:3128", "http=proxy:3128;https=proxy:3128", "$HTTP_PROXY", "%HTTP_PROXY%", "${P}", "<P>", "http://me:P@<proxy>:3128",
}

// A value that cannot be read names its variable, shows nothing of itself, and leaves
// no way on.
func TestProxyThatCannotBeRead(t *testing.T) {
	const password = "xyzzy-Plugh-42"
	for _, value := range unusable {
		value = strings.ReplaceAll(value, "P", password)
		for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"} {
			p, _, err := Of([]string{"PATH=/bin", name + "=" + value}, false).Proxies()
			var wrong *Error
			if !errors.As(err, &wrong) || !errors.Is(err, ErrVariable) || wrong.Variable != name || !strings.HasPrefix(err.Error(), name+" is not usable: ") || wrong.Advice == "" {
				t.Errorf("%s=%q: %v (%v)", name, value, err, p.For(service))
				continue
			}
			if shown := partOf(password, err.Error()+wrong.Advice); shown != "" {
				t.Errorf("%s=%q: %q is in %q", name, value, shown, err.Error()+wrong.Advice)
			}
			if Unreadable(value) == "" {
				t.Errorf("Unreadable(%q) is nothing", value)
			}
		}
	}
}

// partOf finds a piece of four letters or more of a secret.
func partOf(secret, text string) string {
	for i := 0; i+4 <= len(secret); i++ {
		if strings.Contains(text, secret[i:i+4]) {
			return secret[i : i+4]
		}
	}
	return ""
}

// Whatever a password is: with every sign escaped it is the one that is sent; as it
// is, it is either that one or an error. The host is never another one.
func TestAnyPasswordIsReadOrRefused(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const signs = "abcXYZ0189-._~:/?#[]@!$&'()*+,;=%\\\"<>^`{|} \t\r\näß€"
	read, refused := 0, 0
	for range 20_000 {
		var password strings.Builder
		for range 1 + r.IntN(14) {
			all := []rune(signs)
			password.WriteRune(all[r.IntN(len(all))])
		}
		plain := password.String()
		p, _, err := Of([]string{"https_proxy=http://me:" + plain + "@proxy.example:3128"}, false).Proxies()
		if err != nil {
			refused++
			if shown := partOf(plain, err.Error()); shown != "" {
				t.Fatalf("%q: %q is in %q", plain, shown, err)
			}
		} else {
			read++
			decoded, decodeErr := url.PathUnescape(plain)
			if got, _ := p.For(service).User.Password(); p.For(service).Host != "proxy.example:3128" || decodeErr != nil || got != decoded {
				t.Fatalf("%q is read as %q, host %q", plain, got, p.For(service).Host)
			}
		}
		if strings.ContainsAny(plain, "\t\r\n") {
			continue
		}
		p, _, err = Of([]string{"https_proxy=http://me:" + escaped(plain) + "@proxy.example:3128"}, false).Proxies()
		if err != nil {
			t.Fatalf("%q escaped: %v", plain, err)
		}
		if got, _ := p.For(service).User.Password(); got != plain {
			t.Fatalf("%q escaped is read as %q", plain, got)
		}
	}
	if read < 1000 || refused < 1000 {
		t.Errorf("%d passwords were read as they are, %d refused: the test does not try both", read, refused)
	}
}

func escaped(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02X", text[i])
	}
	return b.String()
}

// The small letters go before the capitals, and only the one that counts is looked at.
func TestWhichVariableCounts(t *testing.T) {
	for _, tt := range []struct {
		entries    []string
		fold       bool
		host, from string
	}{
		{[]string{"HTTPS_PROXY=a:1", "https_proxy=b:1"}, false, "b:1", "https_proxy"},
		{[]string{"HTTPS_PROXY= a:1", "https_proxy=b:1"}, false, "b:1", "https_proxy"},
		{[]string{"HTTPS_PROXY=a:1", "https_proxy="}, false, "a:1", "HTTPS_PROXY"},
		{[]string{"Https_Proxy=a:1"}, false, "", ""},
		{[]string{"Https_Proxy=a:1"}, true, "a:1", "Https_Proxy"},
		{[]string{"HTTP_PROXY=a:1"}, false, "", ""},
		{[]string{"HTTPS_PROXY=a:1", "NO_PROXY=.azure-devices-provisioning.net"}, false, "", "HTTPS_PROXY"},
		{[]string{"HTTPS_PROXY=a:1", "NO_PROXY=*"}, false, "", "HTTPS_PROXY"},
	} {
		p, _, err := Of(tt.entries, tt.fold).Proxies()
		host := ""
		if u := p.For(service); u != nil {
			host = u.Host
		}
		if err != nil || host != tt.host || p.Secure() != tt.from {
			t.Errorf("%q: %q by %q, %v", tt.entries, host, p.Secure(), err)
		}
	}
	if _, note, err := Of([]string{"ALL_PROXY= odd"}, false).Proxies(); err != nil || !strings.HasPrefix(note, "ALL_PROXY is not read") {
		t.Errorf("ALL_PROXY alone: %q, %v", note, err)
	}
	if _, note, _ := Of([]string{"ALL_PROXY=a:1", "HTTPS_PROXY=a:1"}, false).Proxies(); note != "" {
		t.Errorf("ALL_PROXY beside another: %q", note)
	}
	if u := (Proxies{}).For(service); u != nil {
		t.Errorf("the zero value has the proxy %v", u)
	}
}

// Nothing of this machine is reached through a proxy; the rest of NO_PROXY counts as
// it is written.
func TestNoProxy(t *testing.T) {
	for _, tt := range []struct {
		value  string
		around []string // these are reached without the proxy
		via    []string
	}{
		{"localhost, 127.0.0.1", []string{"localhost", "127.0.0.1", "[::1]"}, []string{"a.example"}},
		{" .example.com , ", []string{"a.example.com"}, []string{"example.com", "a.example.org"}},
		{"example.com", []string{"example.com", "a.example.com"}, []string{"notexample.com"}},
		{"*.example.com,10.0.0.0/8", []string{"a.example.com", "10.9.9.9"}, []string{"11.0.0.1"}},
		{"example.com.", []string{"a.example.com"}, nil},
		{"example.com:443", []string{"example.com"}, []string{"example.com:8443"}},
		{"[2001:db8::1],2001:db8::2,[2001:db8::3]:443,2001:db8:1::/48", []string{"[2001:db8::1]", "[2001:db8::2]", "[2001:db8::3]", "[2001:db8:1::7]"}, []string{"[2001:db8::9]"}},
		{"*", []string{"a.example", "10.0.0.1"}, nil},
		{"my_host,", []string{"my_host"}, nil},
		{"  ", nil, []string{"a.example"}},
		{",", nil, []string{"a.example"}},
	} {
		for _, name := range []string{"NO_PROXY", "no_proxy"} {
			p, _, err := Of([]string{"HTTPS_PROXY=proxy:3128", name + "=" + tt.value}, false).Proxies()
			if err != nil {
				t.Errorf("%s=%q: %v", name, tt.value, err)
				continue
			}
			for _, host := range tt.around {
				if u := p.For(&url.URL{Scheme: "https", Host: host}); u != nil {
					t.Errorf("%s=%q: %s through %v", name, tt.value, host, u)
				}
			}
			for _, host := range tt.via {
				if p.For(&url.URL{Scheme: "https", Host: host}) == nil {
					t.Errorf("%s=%q: %s around the proxy", name, tt.value, host)
				}
			}
		}
	}
	for _, value := range []string{
		"localhost 127.0.0.1", "a.example;b.example", "http://a.example", "https://a.example/", "10.0.0.*", "10.*", "192.168.", "*example.com", "a.*.example", "a.*", "*.", ".", "..",
		"10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.1-10.0.0.9", "10.0.0.256", "<local>", "a.example:", "a.example:https", "a.example:0", "a.example:70000",
		`"localhost"`, "'localhost,10.0.0.1'", "localhost\r", "localhost\n10.0.0.1", "a.example,b c", "user:pass@a.example", "fe80::1%eth0", "[::1", "a.example,,b/8", "%NO_PROXY%", "$NO_PROXY", "a?.example",
	} {
		for _, name := range []string{"NO_PROXY", "no_proxy"} {
			_, _, err := Of([]string{name + "=" + value}, false).Proxies()
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.Variable != name || wrong.Advice == "" {
				t.Errorf("%s=%q: %v", name, value, err)
			}
		}
	}
}
