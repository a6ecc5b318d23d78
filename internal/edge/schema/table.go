package schema

import "math"

// Root is the whole of config.toml as IoT Edge 1.4, 1.5 and 1.6 read it. They
// read the same keys but for those with an only. It restates, for people, the
// types of edgelet/iotedge/src/config/super_config.rs and edgelet-settings (iotedge), of
// aziotctl-common/src/config/super_config.rs, aziot-identityd-config,
// aziot-tpmd-config, aziot-certd-config, aziot-keys-common and cert-renewal
// (iot-identity-service), and of docker-rs/src/models (iotedge).
//
// None of those types refuses a key that it does not know.
var Root = Key{Kind: Table, Keys: []Key{
	{Name: "hostname", Kind: Text, Check: CheckHostname, Stub: "my-device"},
	{Name: "parent_hostname", Alias: "local_gateway_hostname", Kind: Text, Check: CheckHostname, Stub: "my-parent-device"},
	{Name: "trust_bundle_cert", Kind: Text, Check: checkCertURL},
	{Name: "manifest_trust_bundle_cert", Kind: Text, Check: checkCertURL, Only: "builds with content trust"},
	{Name: "allow_elevated_docker_permissions", Kind: Bool},
	{Name: "auto_reprovisioning_mode", Kind: Text, Values: Modes},
	{Name: "imported_master_encryption_key", Kind: Text},
	{Name: "additional_info", Kind: Text, Check: checkFileURL},
	{Name: "cloud_timeout_sec", Kind: Number, Min: 70, Max: math.MaxInt64},
	{Name: "cloud_retries", Kind: Number, Max: math.MaxUint32},
	{Name: "prefer_module_identity_cache", Kind: Bool},
	{Name: "iotedge_max_requests", Kind: Table, Keys: requestLimits("management", "workload")},
	{Name: "aziot_max_requests", Kind: Table, Keys: requestLimits("keyd", "certd", "tpmd", "identityd")},
	{Name: "provisioning", Kind: Table, Required: true, By: []string{"source"}, Keys: provisioningKeys},
	{Name: "localid", Kind: Table, Keys: []Key{{Name: "domain", Kind: Text, Required: true}}},
	{Name: "cert_issuance", Kind: Table, Keys: certIssuanceKeys},
	{Name: "tpm", Kind: Table, Keys: tpmKeys},
	{Name: "aziot_keys", Kind: Table, OnlyTexts: true, Keys: []Key{
		{Name: "pkcs11_lib_path", Kind: Text},
		{Name: "pkcs11_base_slot", Kind: Text, Check: checkPKCS11, Doubt: doubtPKCS11, Secret: true}, // its PIN
	}},
	{Name: "preloaded_keys", Kind: Table, Each: &Key{Kind: Text, Check: checkKeyURL, Doubt: doubtKeyURL, Secret: true}},
	{Name: "preloaded_certs", Kind: Table, Each: &Key{Kind: Text | List, Check: checkCertURL, Each: &Key{Kind: Text}}},
	{Name: "agent", Kind: Table, Keys: agentKeys},
	{Name: "connect", Kind: Table, Keys: socketKeys},
	{Name: "listen", Kind: Table, Keys: append(socketKeys[:2:2],
		Key{Name: "min_tls_version", Kind: Text, Values: []string{"tls1.0", "tls1.1", "tls1.2"}, Only: "1.4"})},
	{Name: "watchdog", Kind: Table, Keys: []Key{
		{Name: "max_retries", Kind: Text | Number, Check: checkInfinite, Max: math.MaxUint32},
	}},
	{Name: "edge_ca", Kind: Table, By: []string{"method", "cert", "auto_generated_edge_ca_expiry_days"}, Keys: edgeCAKeys},
	{Name: "moby_runtime", Kind: Table, Keys: mobyKeys},
	{Name: "image_garbage_collection", Kind: Table, Keys: []Key{
		{Name: "enabled", Kind: Bool},
		{Name: "cleanup_recurrence", Kind: Text, Check: checkWholeDays, Doubt: doubtDuration},
		{Name: "image_age_cleanup_threshold", Kind: Text, Check: checkDuration, Doubt: doubtDuration},
		{Name: "cleanup_time", Kind: Text, Check: checkTimeOfDay},
	}},
}}

var provisioningKeys = []Key{
	{Name: "source", Kind: Text, Required: true, Values: []string{"dps", "manual", "none"}},

	{Name: "global_endpoint", Of: []string{"dps"}, Kind: Text, Required: true, Check: CheckEndpoint, Rule: "endpoint"},
	{Name: "id_scope", Of: []string{"dps"}, Kind: Text, Required: true, Check: checkScope, Doubt: doubtScope, Rule: "id-scope", Stub: "0ab1234C5D6"},
	{Name: "payload", Of: []string{"dps"}, Kind: Table, Keys: []Key{
		{Name: "uri", Kind: Text, Required: true, Check: CheckDocumentURL, Rule: "payload"},
	}},
	{Name: "attestation", Of: []string{"dps"}, Kind: Table, Required: true, By: []string{"method"}, Keys: []Key{
		{Name: "method", Kind: Text, Required: true, Values: []string{"tpm", "symmetric_key", "x509"}},
		{Name: "registration_id", Of: []string{"tpm", "symmetric_key"}, Kind: Text, Required: true, Check: checkID, Doubt: doubtID, Rule: "registration-id", Stub: "my-device"},
		{Name: "registration_id", Of: []string{"x509"}, Kind: Text, Check: checkID, Doubt: doubtID, Rule: "registration-id", Stub: "my-device"},
		{Name: "symmetric_key", Of: []string{"symmetric_key"}, Kind: Table, Required: true, By: []string{"value", "uri"}, Keys: symmetricKeys},
		{Name: "identity_cert", Of: []string{"x509"}, Kind: Text | Table, Required: true, Check: checkCertURL, By: []string{"method"}, Keys: issuanceKeys},
		{Name: "identity_pk", Of: []string{"x509"}, Kind: Text, Required: true, Check: checkKeyURL, Doubt: doubtKeyURL, Secret: true, UnlessTable: "identity_cert"},
	}},

	{Name: "connection_string", Of: []string{"manual"}, Kind: Text, Check: checkConnectionString, Secret: true},
	{Name: "iothub_hostname", Of: []string{"manual"}, Kind: Text, Required: true, Unless: "connection_string", Check: CheckHostname, Stub: "example.azure-devices.net"},
	{Name: "device_id", Of: []string{"manual"}, Kind: Text, Required: true, Unless: "connection_string", Stub: "my-device"},
	{Name: "authentication", Of: []string{"manual"}, Kind: Table, Required: true, Unless: "connection_string", By: []string{"method"}, Keys: []Key{
		{Name: "method", Kind: Text, Required: true, Values: []string{"sas", "x509"}},
		{Name: "device_id_pk", Of: []string{"sas"}, Kind: Table, Required: true, By: []string{"value", "uri"}, Keys: symmetricKeys},
		{Name: "identity_cert", Of: []string{"x509"}, Kind: Text | Table, Required: true, Check: checkCertURL, By: []string{"method"}, Keys: issuanceKeys},
		{Name: "identity_pk", Of: []string{"x509"}, Kind: Text, Required: true, Check: checkKeyURL, Doubt: doubtKeyURL, Secret: true, UnlessTable: "identity_cert"},
	}},
}

var tpmKeys = []Key{
	{Name: "tcti", Kind: Text, Check: CheckTCTI, Doubt: DoubtTCTI},
	{Name: "auth_key_index", Kind: Number, Max: MaxAuthKeyIndex},
	{Name: "hierarchy_authorization", Kind: Table, Keys: []Key{
		{Name: "endorsement", Kind: Text, Check: CheckPassword, Secret: true, Stub: "hello"},
		{Name: "owner", Kind: Text, Check: CheckPassword, Secret: true, Stub: "world"},
	}},
}

// symmetricKeys is a key in the file itself, or where it is.
var symmetricKeys = []Key{
	{Name: "value", Kind: Text, Check: checkBase64, Secret: true, Of: []string{"value"}},
	{Name: "uri", Kind: Text, Check: checkKeyURL, Doubt: doubtKeyURL, Secret: true, Of: []string{"uri"}},
}

// issuanceKeys say how a certificate is issued.
var issuanceKeys = append([]Key{
	{Name: "method", Kind: Text, Required: true, Values: []string{"est", "local_ca", "self_signed"}},
	{Name: "expiry_days", Kind: Number, Min: 1, Max: math.MaxUint32},
	{Name: "auto_renew", Kind: Table, Keys: renewalKeys},
	{Name: "common_name", Kind: Text, Stub: "my-device"},
	{Name: "subject", Kind: Table, Unless: "common_name", Each: &Key{Kind: Text}},
	{Name: "url", Of: []string{"est"}, Kind: Text, Check: checkWebURL},
}, estAuthKeys("est")...)

// edgeCAKeys are those of an issued CA, one in files, or one that IoT Edge makes
// for itself.
var edgeCAKeys = append(variants(issuanceKeys, "est", "local_ca", "self_signed"),
	Key{Name: "cert", Of: []string{"cert"}, Kind: Text, Check: checkCertURL},
	Key{Name: "pk", Of: []string{"cert"}, Kind: Text, Required: true, Check: checkCAKeyURL, Doubt: doubtCAKeyURL, Secret: true},
	Key{Name: "auto_generated_edge_ca_expiry_days", Of: []string{"auto_generated_edge_ca_expiry_days"}, Kind: Number, Max: math.MaxUint32},
	Key{Name: "auto_renew", Of: []string{"auto_generated_edge_ca_expiry_days"}, Kind: Table, Keys: renewalKeys},
	Key{Name: "common_name", Of: []string{"auto_generated_edge_ca_expiry_days"}, Kind: Text},
	Key{Name: "subject", Of: []string{"auto_generated_edge_ca_expiry_days"}, Kind: Table, Unless: "common_name", Each: &Key{Kind: Text}},
)

var renewalKeys = []Key{
	{Name: "rotate_key", Kind: Bool, Required: true},
	{Name: "threshold", Kind: Text, Required: true, Check: checkRenewal},
	{Name: "retry", Kind: Text, Required: true, Check: checkRenewal},
}

var certIssuanceKeys = []Key{
	{Name: "est", Kind: Table, Keys: []Key{
		{Name: "trusted_certs", Kind: List, Each: &Key{Kind: Text, Check: checkCertURL}},
		{Name: "identity_auto_renew", Kind: Table, Keys: renewalKeys},
		{Name: "auth", Kind: Table, Keys: estAuthKeys()},
		{Name: "urls", Kind: Table, Each: &Key{Kind: Text, Check: checkWebURL}},
	}},
	{Name: "local_ca", Kind: Table, Keys: []Key{
		{Name: "cert", Kind: Text | Table, Required: true, Check: checkCertURL, By: []string{"method"}, Keys: issuanceKeys},
		{Name: "pk", Kind: Text, Required: true, Check: checkKeyURL, Doubt: doubtKeyURL, Secret: true, UnlessTable: "cert"},
	}},
}

// estAuthKeys are the two ways to log in to an EST server. A way that is not
// complete is dropped without a word; of two certificates the bootstrap one
// counts.
func estAuthKeys(of ...string) []Key {
	return []Key{
		{Name: "username", Of: of, Kind: Text, With: "password", Secret: true, Stub: "estuser"},
		{Name: "password", Of: of, Kind: Text, With: "username", Secret: true, Stub: "estpwd"},
		{Name: "bootstrap_identity_cert", Of: of, Kind: Text, Check: checkCertURL, With: "bootstrap_identity_pk"},
		{Name: "bootstrap_identity_pk", Of: of, Kind: Text, Check: checkKeyURL, Doubt: doubtKeyURL, With: "bootstrap_identity_cert", Secret: true},
		{Name: "identity_cert", Of: of, Kind: Text, Check: checkCertURL, With: "identity_pk", Unless: "bootstrap_identity_cert"},
		{Name: "identity_pk", Of: of, Kind: Text, Check: checkKeyURL, Doubt: doubtKeyURL, With: "identity_cert", Unless: "bootstrap_identity_cert", Secret: true},
	}
}

var agentKeys = []Key{
	{Name: "name", Kind: Text, Required: true, Check: checkNotEmpty},
	{Name: "type", Kind: Text, Required: true, Values: []string{"docker"}},
	{Name: "imagePullPolicy", Kind: Text, Values: []string{"on-create", "never"}},
	{Name: "config", Kind: Table, Required: true, Keys: []Key{
		{Name: "image", Kind: Text, Required: true, Check: checkNotEmpty},
		{Name: "imageHash", Kind: Text},
		{Name: "digest", Kind: Text},
		{Name: "allowElevatedDockerPermissions", Kind: Bool},
		{Name: "auth", Kind: Table, Open: true, Keys: []Key{
			{Name: "serveraddress", Kind: Text, Stub: "example.azurecr.io"},
			{Name: "username", Kind: Text, Secret: true, Stub: "username"},
			{Name: "password", Kind: Text, Secret: true, Stub: "password"},
			{Name: "email", Kind: Text, Secret: true},
		}},
		{Name: "createOptions", Kind: Table, Open: true, Secret: true, ByName: true, Keys: containerKeys},
	}},
	{Name: "env", Kind: Table, Secret: true, Each: &Key{Kind: Text, Secret: true, ByName: true}},
}

// containerKeys are those of Docker's options that IoT Edge looks into; the
// others go to Docker as they are.
var containerKeys = []Key{
	{Name: "Hostname", Kind: Text},
	{Name: "Env", Kind: List, Each: &Key{Kind: Text}},
	{Name: "Cmd", Kind: List, Each: &Key{Kind: Text}},
	{Name: "Image", Kind: Text},
	{Name: "Volumes", Kind: Table, Open: true},
	{Name: "Entrypoint", Kind: List, Each: &Key{Kind: Text}},
	{Name: "Labels", Kind: Table, Each: &Key{Kind: Text}},
	{Name: "HostConfig", Kind: Table, Open: true, Keys: []Key{
		{Name: "Memory", Kind: Number, Min: math.MinInt64, Max: math.MaxInt64},
		{Name: "Binds", Kind: List, Each: &Key{Kind: Text}},
		{Name: "PortBindings", Kind: Table, Each: &Key{Kind: List, Open: true, Keys: []Key{{Name: "HostPort", Kind: Text, Check: checkHostPort}}}, Names: checkContainerPort},
		{Name: "Mounts", Kind: List},
		{Name: "CapAdd", Kind: List, Each: &Key{Kind: Text}},
		{Name: "CapDrop", Kind: List, Each: &Key{Kind: Text}},
		{Name: "ExtraHosts", Kind: List, Each: &Key{Kind: Text}},
		{Name: "Privileged", Kind: Bool},
	}},
	{Name: "NetworkingConfig", Kind: Table, Open: true},
}

var socketKeys = []Key{
	{Name: "workload_uri", Kind: Text, Required: true, Check: checkSocketURL},
	{Name: "management_uri", Kind: Text, Required: true, Check: checkSocketURL},
}

var mobyKeys = []Key{
	{Name: "uri", Kind: Text, Required: true, Check: checkSocketURL},
	{Name: "network", Kind: Text | Table, Required: true, Keys: []Key{
		{Name: "name", Kind: Text, Required: true},
		{Name: "ipv6", Kind: Bool},
		{Name: "ipam", Kind: Table, Keys: []Key{
			{Name: "config", Kind: List, Keys: []Key{
				{Name: "gateway", Kind: Text},
				{Name: "subnet", Kind: Text},
				{Name: "ip_range", Kind: Text},
			}},
		}},
	}},
	{Name: "content_trust", Kind: Table, Keys: []Key{
		{Name: "ca_certs", Kind: Table, Each: &Key{Kind: Text, Check: checkCertURL}},
	}},
}

// requestLimits are numbers of requests at a time, all of them or none.
func requestLimits(names ...string) []Key {
	var keys []Key
	for _, name := range names {
		keys = append(keys, Key{Name: name, Kind: Number, Required: true, Max: math.MaxInt64})
	}
	return keys
}

// variants gives keys that stand in every variant of a table to some variants of
// another.
func variants(keys []Key, of ...string) []Key {
	var out []Key
	for _, k := range keys {
		if len(k.Of) == 0 {
			k.Of = of
		}
		out = append(out, k)
	}
	return out
}
