package edge

import "math"

// schema is the whole of config.toml as IoT Edge 1.4, 1.5 and 1.6 read it. They
// read the same keys but for those with an only. It restates, for people, the
// types of edgelet/iotedge/src/config/super_config.rs and edgelet-settings (iotedge), of
// aziotctl-common/src/config/super_config.rs, aziot-identityd-config,
// aziot-tpmd-config, aziot-certd-config, aziot-keys-common and cert-renewal
// (iot-identity-service), and of docker-rs/src/models (iotedge).
//
// None of those types refuses a key that it does not know.
var schema = key{is: isTable, keys: []key{
	{name: "hostname", is: isText, text: checkHostname, stub: "my-device"},
	{name: "parent_hostname", alias: "local_gateway_hostname", is: isText, text: checkHostname, stub: "my-parent-device"},
	{name: "trust_bundle_cert", is: isText, text: checkCertURL},
	{name: "manifest_trust_bundle_cert", is: isText, text: checkCertURL, only: "builds with content trust"},
	{name: "allow_elevated_docker_permissions", is: isBool},
	{name: "auto_reprovisioning_mode", is: isText, values: modes},
	{name: "imported_master_encryption_key", is: isText},
	{name: "additional_info", is: isText, text: checkFileURL},
	{name: "cloud_timeout_sec", is: isNumber, min: 70, max: math.MaxInt64},
	{name: "cloud_retries", is: isNumber, max: math.MaxUint32},
	{name: "prefer_module_identity_cache", is: isBool},
	{name: "iotedge_max_requests", is: isTable, keys: requestLimits("management", "workload")},
	{name: "aziot_max_requests", is: isTable, keys: requestLimits("keyd", "certd", "tpmd", "identityd")},
	{name: "provisioning", is: isTable, required: true, by: []string{"source"}, keys: provisioningKeys},
	{name: "localid", is: isTable, keys: []key{{name: "domain", is: isText, required: true}}},
	{name: "cert_issuance", is: isTable, keys: certIssuanceKeys},
	{name: "tpm", is: isTable, keys: tpmKeys},
	{name: "aziot_keys", is: isTable, texts: true, keys: []key{
		{name: "pkcs11_lib_path", is: isText},
		{name: "pkcs11_base_slot", is: isText, text: checkPKCS11, doubt: doubtPKCS11, secret: true}, // its PIN
	}},
	{name: "preloaded_keys", is: isTable, each: &key{is: isText, text: checkKeyURL, doubt: doubtKeyURL, secret: true}},
	{name: "preloaded_certs", is: isTable, each: &key{is: isText | isList, text: checkCertURL, each: &key{is: isText}}},
	{name: "agent", is: isTable, keys: agentKeys},
	{name: "connect", is: isTable, keys: socketKeys},
	{name: "listen", is: isTable, keys: append(socketKeys[:2:2],
		key{name: "min_tls_version", is: isText, values: []string{"tls1.0", "tls1.1", "tls1.2"}, only: "1.4"})},
	{name: "watchdog", is: isTable, keys: []key{
		{name: "max_retries", is: isText | isNumber, text: checkInfinite, max: math.MaxUint32},
	}},
	{name: "edge_ca", is: isTable, by: []string{"method", "cert", "auto_generated_edge_ca_expiry_days"}, keys: edgeCAKeys},
	{name: "moby_runtime", is: isTable, keys: mobyKeys},
	{name: "image_garbage_collection", is: isTable, keys: []key{
		{name: "enabled", is: isBool},
		{name: "cleanup_recurrence", is: isText, text: checkWholeDays, doubt: doubtDuration},
		{name: "image_age_cleanup_threshold", is: isText, text: checkDuration, doubt: doubtDuration},
		{name: "cleanup_time", is: isText, text: checkTimeOfDay},
	}},
}}

var provisioningKeys = []key{
	{name: "source", is: isText, required: true, values: []string{"dps", "manual", "none"}},

	{name: "global_endpoint", of: []string{"dps"}, is: isText, required: true, text: checkEndpoint, rule: "endpoint"},
	{name: "id_scope", of: []string{"dps"}, is: isText, required: true, text: checkScope, doubt: doubtScope, rule: "id-scope", stub: "0ab1234C5D6"},
	{name: "payload", of: []string{"dps"}, is: isTable, keys: []key{
		{name: "uri", is: isText, required: true, text: checkDocumentURL, rule: "payload"},
	}},
	{name: "attestation", of: []string{"dps"}, is: isTable, required: true, by: []string{"method"}, keys: []key{
		{name: "method", is: isText, required: true, values: []string{"tpm", "symmetric_key", "x509"}},
		{name: "registration_id", of: []string{"tpm", "symmetric_key"}, is: isText, required: true, text: checkID, doubt: doubtID, rule: "registration-id", stub: "my-device"},
		{name: "registration_id", of: []string{"x509"}, is: isText, text: checkID, doubt: doubtID, rule: "registration-id", stub: "my-device"},
		{name: "symmetric_key", of: []string{"symmetric_key"}, is: isTable, required: true, by: []string{"value", "uri"}, keys: symmetricKeys},
		{name: "identity_cert", of: []string{"x509"}, is: isText | isTable, required: true, text: checkCertURL, by: []string{"method"}, keys: issuanceKeys},
		{name: "identity_pk", of: []string{"x509"}, is: isText, required: true, text: checkKeyURL, doubt: doubtKeyURL, secret: true, unlessTable: "identity_cert"},
	}},

	{name: "connection_string", of: []string{"manual"}, is: isText, text: checkConnectionString, secret: true},
	{name: "iothub_hostname", of: []string{"manual"}, is: isText, required: true, unless: "connection_string", text: checkHostname, stub: "example.azure-devices.net"},
	{name: "device_id", of: []string{"manual"}, is: isText, required: true, unless: "connection_string", stub: "my-device"},
	{name: "authentication", of: []string{"manual"}, is: isTable, required: true, unless: "connection_string", by: []string{"method"}, keys: []key{
		{name: "method", is: isText, required: true, values: []string{"sas", "x509"}},
		{name: "device_id_pk", of: []string{"sas"}, is: isTable, required: true, by: []string{"value", "uri"}, keys: symmetricKeys},
		{name: "identity_cert", of: []string{"x509"}, is: isText | isTable, required: true, text: checkCertURL, by: []string{"method"}, keys: issuanceKeys},
		{name: "identity_pk", of: []string{"x509"}, is: isText, required: true, text: checkKeyURL, doubt: doubtKeyURL, secret: true, unlessTable: "identity_cert"},
	}},
}

var tpmKeys = []key{
	{name: "tcti", is: isText, text: CheckTCTI, doubt: doubtTCTI},
	{name: "auth_key_index", is: isNumber, max: maxAuthKeyIndex},
	{name: "hierarchy_authorization", is: isTable, keys: []key{
		{name: "endorsement", is: isText, text: checkPassword, secret: true, stub: "hello"},
		{name: "owner", is: isText, text: checkPassword, secret: true, stub: "world"},
	}},
}

// symmetricKeys is a key in the file itself, or where it is.
var symmetricKeys = []key{
	{name: "value", is: isText, text: checkBase64, secret: true, of: []string{"value"}},
	{name: "uri", is: isText, text: checkKeyURL, doubt: doubtKeyURL, secret: true, of: []string{"uri"}},
}

// issuanceKeys say how a certificate is issued.
var issuanceKeys = append([]key{
	{name: "method", is: isText, required: true, values: []string{"est", "local_ca", "self_signed"}},
	{name: "expiry_days", is: isNumber, min: 1, max: math.MaxUint32},
	{name: "auto_renew", is: isTable, keys: renewalKeys},
	{name: "common_name", is: isText, stub: "my-device"},
	{name: "subject", is: isTable, unless: "common_name", each: &key{is: isText}},
	{name: "url", of: []string{"est"}, is: isText, text: checkWebURL},
}, estAuthKeys("est")...)

// edgeCAKeys are those of an issued CA, one in files, or one that IoT Edge makes
// for itself.
var edgeCAKeys = append(variants(issuanceKeys, "est", "local_ca", "self_signed"),
	key{name: "cert", of: []string{"cert"}, is: isText, text: checkCertURL},
	key{name: "pk", of: []string{"cert"}, is: isText, required: true, text: checkCAKeyURL, doubt: doubtCAKeyURL, secret: true},
	key{name: "auto_generated_edge_ca_expiry_days", of: []string{"auto_generated_edge_ca_expiry_days"}, is: isNumber, max: math.MaxUint32},
	key{name: "auto_renew", of: []string{"auto_generated_edge_ca_expiry_days"}, is: isTable, keys: renewalKeys},
	key{name: "common_name", of: []string{"auto_generated_edge_ca_expiry_days"}, is: isText},
	key{name: "subject", of: []string{"auto_generated_edge_ca_expiry_days"}, is: isTable, unless: "common_name", each: &key{is: isText}},
)

var renewalKeys = []key{
	{name: "rotate_key", is: isBool, required: true},
	{name: "threshold", is: isText, required: true, text: checkRenewal},
	{name: "retry", is: isText, required: true, text: checkRenewal},
}

var certIssuanceKeys = []key{
	{name: "est", is: isTable, keys: []key{
		{name: "trusted_certs", is: isList, each: &key{is: isText, text: checkCertURL}},
		{name: "identity_auto_renew", is: isTable, keys: renewalKeys},
		{name: "auth", is: isTable, keys: estAuthKeys()},
		{name: "urls", is: isTable, each: &key{is: isText, text: checkWebURL}},
	}},
	{name: "local_ca", is: isTable, keys: []key{
		{name: "cert", is: isText | isTable, required: true, text: checkCertURL, by: []string{"method"}, keys: issuanceKeys},
		{name: "pk", is: isText, required: true, text: checkKeyURL, doubt: doubtKeyURL, secret: true, unlessTable: "cert"},
	}},
}

// estAuthKeys are the two ways to log in to an EST server. A way that is not
// complete is dropped without a word; of two certificates the bootstrap one
// counts.
func estAuthKeys(of ...string) []key {
	return []key{
		{name: "username", of: of, is: isText, with: "password", secret: true, stub: "estuser"},
		{name: "password", of: of, is: isText, with: "username", secret: true, stub: "estpwd"},
		{name: "bootstrap_identity_cert", of: of, is: isText, text: checkCertURL, with: "bootstrap_identity_pk"},
		{name: "bootstrap_identity_pk", of: of, is: isText, text: checkKeyURL, doubt: doubtKeyURL, with: "bootstrap_identity_cert", secret: true},
		{name: "identity_cert", of: of, is: isText, text: checkCertURL, with: "identity_pk", unless: "bootstrap_identity_cert"},
		{name: "identity_pk", of: of, is: isText, text: checkKeyURL, doubt: doubtKeyURL, with: "identity_cert", unless: "bootstrap_identity_cert", secret: true},
	}
}

var agentKeys = []key{
	{name: "name", is: isText, required: true, text: checkNotEmpty},
	{name: "type", is: isText, required: true, values: []string{"docker"}},
	{name: "imagePullPolicy", is: isText, values: []string{"on-create", "never"}},
	{name: "config", is: isTable, required: true, keys: []key{
		{name: "image", is: isText, required: true, text: checkNotEmpty},
		{name: "imageHash", is: isText},
		{name: "digest", is: isText},
		{name: "allowElevatedDockerPermissions", is: isBool},
		{name: "auth", is: isTable, open: true, keys: []key{
			{name: "serveraddress", is: isText, stub: "example.azurecr.io"},
			{name: "username", is: isText, secret: true, stub: "username"},
			{name: "password", is: isText, secret: true, stub: "password"},
			{name: "email", is: isText, secret: true},
		}},
		{name: "createOptions", is: isTable, open: true, secret: true, byName: true, keys: containerKeys},
	}},
	{name: "env", is: isTable, secret: true, each: &key{is: isText, secret: true, byName: true}},
}

// containerKeys are those of Docker's options that IoT Edge looks into; the
// others go to Docker as they are.
var containerKeys = []key{
	{name: "Hostname", is: isText},
	{name: "Env", is: isList, each: &key{is: isText}},
	{name: "Cmd", is: isList, each: &key{is: isText}},
	{name: "Image", is: isText},
	{name: "Volumes", is: isTable, open: true},
	{name: "Entrypoint", is: isList, each: &key{is: isText}},
	{name: "Labels", is: isTable, each: &key{is: isText}},
	{name: "HostConfig", is: isTable, open: true, keys: []key{
		{name: "Memory", is: isNumber, min: math.MinInt64, max: math.MaxInt64},
		{name: "Binds", is: isList, each: &key{is: isText}},
		{name: "PortBindings", is: isTable, each: &key{is: isList, open: true, keys: []key{{name: "HostPort", is: isText, text: checkHostPort}}}, names: checkContainerPort},
		{name: "Mounts", is: isList},
		{name: "CapAdd", is: isList, each: &key{is: isText}},
		{name: "CapDrop", is: isList, each: &key{is: isText}},
		{name: "ExtraHosts", is: isList, each: &key{is: isText}},
		{name: "Privileged", is: isBool},
	}},
	{name: "NetworkingConfig", is: isTable, open: true},
}

var socketKeys = []key{
	{name: "workload_uri", is: isText, required: true, text: checkSocketURL},
	{name: "management_uri", is: isText, required: true, text: checkSocketURL},
}

var mobyKeys = []key{
	{name: "uri", is: isText, required: true, text: checkSocketURL},
	{name: "network", is: isText | isTable, required: true, keys: []key{
		{name: "name", is: isText, required: true},
		{name: "ipv6", is: isBool},
		{name: "ipam", is: isTable, keys: []key{
			{name: "config", is: isList, keys: []key{
				{name: "gateway", is: isText},
				{name: "subnet", is: isText},
				{name: "ip_range", is: isText},
			}},
		}},
	}},
	{name: "content_trust", is: isTable, keys: []key{
		{name: "ca_certs", is: isTable, each: &key{is: isText, text: checkCertURL}},
	}},
}

// requestLimits are numbers of requests at a time, all of them or none.
func requestLimits(names ...string) []key {
	var keys []key
	for _, name := range names {
		keys = append(keys, key{name: name, is: isNumber, required: true, max: math.MaxInt64})
	}
	return keys
}

// variants gives keys that stand in every variant of a table to some variants of
// another.
func variants(keys []key, of ...string) []key {
	var out []key
	for _, k := range keys {
		if len(k.of) == 0 {
			k.of = of
		}
		out = append(out, k)
	}
	return out
}
