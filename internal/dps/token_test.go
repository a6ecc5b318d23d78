package dps

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestTokenReadsBack(t *testing.T) {
	cs, err := ParseConnectionString("HostName=Plant.azure-devices-provisioning.net;SharedAccessKeyName=en roller;SharedAccessKey=Y2FuYXJ5Y2FuYXJ5")
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Unix(1800000000, 0).UTC()
	for id, want := range map[string]string{
		"":      "plant.azure-devices-provisioning.net/enrollments",
		"box-7": "plant.azure-devices-provisioning.net/enrollments/box-7",
	} {
		text, err := cs.Token(EnrollmentsResource(cs.HostName, id), ends)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{text, strings.TrimPrefix(text, "SharedAccessSignature "), "'" + text + "'\n"} {
			if got, err := ParseToken(form); err != nil || got != (Token{want, "en roller", ends}) {
				t.Errorf("ParseToken() = %+v, %v", got, err)
			}
		}
	}
	if _, err := (ConnectionString{}).Token("x", ends); !errors.Is(err, ErrCredential) {
		t.Errorf("Token() without a key = %v", err)
	}
}

func TestParseTokenRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "empty",
		"SharedAccessSignature ":                "it does not consist",
		"SharedAccessSignature sr=x&sig=canary": "se is missing",
		"SharedAccessSignature sr=x&se=1":       "sig is missing",
		"SharedAccessSignature sr=x&sig=canary&se=-1":             "not a time",
		"SharedAccessSignature sr=x&sig=canary&se=99999999999999": "not a time",
		"SharedAccessSignature sr=x&sig=canary&se=1&sig=canary":   "twice",
		"SharedAccessSignature sr=%zz&sig=canary&se=1":            "escaped",
		"sr=x&sig=canary&se=1\nsr=x&sig=canary&se=1":              "more than one line",
		"HostName=h;SharedAccessKeyName=p;SharedAccessKey=canary": "connection string",
		"eyJ0.canary.x": "bearer",
		"Bearer canary": "bearer",
		"canary" + strings.Repeat("x", maxConnectionString): "too many",
	} {
		_, err := ParseToken(text)
		if !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseToken(%.60q) = %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("ParseToken(%.60q) repeats the secret: %v", text, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(testToken)
	f.Fuzz(func(t *testing.T, text string) {
		token, err := ParseToken(text)
		if err == nil {
			if _, err := token.Expiry.MarshalJSON(); err != nil {
				t.Error(err)
			}
		}
	})
}

// A token goes to the DPS that it is for; one that is for something else goes
// nowhere.
func TestTokenEndpoint(t *testing.T) {
	for resource, want := range map[string]string{
		"plant.azure-devices-provisioning.net":                     "https://plant.azure-devices-provisioning.net",
		"plant.azure-devices-provisioning.net/enrollments":         "https://plant.azure-devices-provisioning.net",
		"https://plant.azure-devices-provisioning.us/enrollments/": "https://plant.azure-devices-provisioning.us",
		"Plant.azure-devices-provisioning.cn":                      "https://plant.azure-devices-provisioning.cn",
		"localhost:8443":                                           "https://localhost:8443",
		"127.0.0.1:8443/enrollments":                               "https://127.0.0.1:8443",
		"hub.azure-devices.net":                                    "", "hub.azure-devices.us/devices/box": "", "HUB.Azure-Devices.net": "",
		"0ne00000E11/registrations/box": "", "0ne00000E11/Registrations/box": "",
		"plant": "", "/enrollments": "", "": "", "plant.azure-devices-provisioning.net@evil.example": "",
		"global.azure-devices-provisioning.net": "", "plant.azure-devices-provisioning.net:0x50": "", "a b.example": "",
	} {
		got, err := Token{Resource: resource}.Endpoint()
		if !strings.EqualFold(got, want) || (err != nil) != (want == "") || err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("%q: Endpoint() = %q, %v, want %q", resource, got, err, want)
		}
	}
}
