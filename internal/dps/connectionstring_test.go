package dps

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	secretKey        = "c2VjcmV0LWtleS1vZi10aGUtdGVzdHM9PT0="
	connectionString = "HostName=Plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=" + secretKey
)

func TestParseConnectionString(t *testing.T) {
	for _, tt := range []struct{ text, host string }{
		{connectionString, "plant.azure-devices-provisioning.net"},
		{" \"" + connectionString + "\"\r\n", "plant.azure-devices-provisioning.net"},
		{"'" + connectionString + "'", "plant.azure-devices-provisioning.net"},
		{"\ufeff" + connectionString + ";\n", "plant.azure-devices-provisioning.net"},
		{"sharedaccesskey=" + secretKey + " ; SHAREDACCESSKEYNAME = enroller;hostname=plant.azure-devices-provisioning.us", "plant.azure-devices-provisioning.us"},
		{strings.Replace(connectionString, "Plant.azure-devices-provisioning.net", "localhost:8443", 1), "localhost:8443"},
		{strings.Replace(connectionString, "Plant.azure-devices-provisioning.net", "localhost", 1), "localhost"},
		{strings.Replace(connectionString, "Plant.azure-devices-provisioning.net", "127.0.0.1:8443", 1), "127.0.0.1:8443"},
		{strings.Replace(connectionString, "Plant.azure-devices-provisioning.net", "[::1]:8443", 1), "[::1]:8443"},
	} {
		cs, err := ParseConnectionString(tt.text)
		if err != nil {
			t.Errorf("ParseConnectionString(%q): %v", tt.text, err)
			continue
		}
		if cs.HostName != tt.host || cs.KeyName != "enroller" {
			t.Errorf("ParseConnectionString(%q) = %v, want host %s", tt.text, cs, tt.host)
		}
		now := time.Unix(1800000000, 0)
		token, err := SASToken(cs.HostName, cs.KeyName, now.Add(sasLife), cs.sign)
		if err != nil {
			t.Fatal(err)
		}
		verify(t, token, []byte("secret-key-of-the-tests==="), cs.HostName, now)
	}
}

func TestParseConnectionStringNamesTheMistake(t *testing.T) {
	const key = ";SharedAccessKeyName=enroller;SharedAccessKey=" + secretKey
	const dps = "HostName=plant.azure-devices-provisioning.net"
	for _, tt := range []struct{ text, want string }{
		{"", "it is empty"},
		{" \"\" ", "it is empty"},
		{"HostName=plant.azure-devices.net" + key, "of an IoT Hub"},
		{"HostName=Plant.Azure-Devices.cn" + key, "of an IoT Hub"},
		{"HostName=plant.azure-devices.net;DeviceId=press-7;SharedAccessKey=" + secretKey, "of a device"},
		{"Endpoint=sb://ihsuprod.servicebus.windows.net/" + key + ";EntityPath=plant", "of an Event Hub"},
		{"DefaultEndpointsProtocol=https;AccountName=plant;AccountKey=" + secretKey, "of a storage account"},
		{testToken, "this is a SAS token"},
		{"eyJ0eXAiOiJKV1QiLCJhbGciOi.eyJhdWQiOi.c2ln", "looks like a bearer token"},
		{"HostName=" + key, "HostName is missing"},
		{key, "HostName is missing"},
		{"HostName=plant" + key, `HostName is "plant"`},
		{"HostName=https://plant.azure-devices-provisioning.net" + key, "HostName is \"https://"},
		{"HostName=plant.azure-devices-provisioning" + key, "the end of the host name is missing"},
		{"HostName=pl ant.example" + key, "HostName \"pl ant.example\""},
		{dps + ";SharedAccessKey=" + secretKey, "SharedAccessKeyName is missing"},
		{dps + ";SharedAccessKeyName=enroller", "SharedAccessKey is missing"},
		{dps + ";SharedAccessKeyName=enroller;SharedAccessKey=" + secretKey[:21], "SharedAccessKey is not base64"},
		{dps + ";SharedAccessKeyName=enroller;SharedAccessKey====", "SharedAccessKey is not base64"},
		{connectionString + connectionString, "appears in it twice"},
		{connectionString + ";" + connectionString, "appears in it twice"},
		{secretKey[:20], "has no \"=\""},
		{"plant", "has no \"=\""},
		{strings.Repeat("a", 10000), "too many"},
	} {
		cs, err := ParseConnectionString(tt.text)
		if !errors.Is(err, ErrConnectionString) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("ParseConnectionString(%.80q) = %v, %v, want %q", tt.text, cs, err, tt.want)
			continue
		}
		for _, secret := range []string{secretKey, secretKey[:12], "sig=", "eyJ"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error repeats the key: %v", err)
			}
		}
	}
}

func FuzzConnectionString(f *testing.F) {
	f.Add(connectionString)
	f.Add(testToken)
	f.Add("HostName=a;SharedAccessKeyName=b;SharedAccessKey=ZmZmZmZmZmZm")
	f.Add("Endpoint=sb://x;;==;\"'")
	f.Fuzz(func(t *testing.T, text string) {
		cs, err := ParseConnectionString(text)
		if err != nil {
			if !errors.Is(err, ErrConnectionString) {
				t.Errorf("error %v is not ErrConnectionString", err)
			}
			return
		}
		if cs.HostName == "" || cs.KeyName == "" || cs.sign == nil {
			t.Errorf("ParseConnectionString(%q) = %v with a part missing", text, cs)
		}
		if _, err := ServiceEndpoint(cs.HostName); err != nil && !strings.HasPrefix(cs.HostName, "global.") {
			t.Errorf("the host of %q is no endpoint: %v", text, err)
		}
	})
}
