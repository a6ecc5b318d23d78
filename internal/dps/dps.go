// Package dps speaks the two HTTP interfaces of the Azure IoT Hub Device
// Provisioning Service: the device API, where a machine registers itself
// ([DeviceClient]), and the service API, where an operator keeps the enrollments
// ([ServiceClient]).
//
// It is the wire only. A method is one operation of the service; it returns
// what the service said, an [*Error] when that was a refusal, and an error that
// wraps [ErrMalformed] when it was nothing that a DPS says. What a status means,
// how long to poll and what to do about a conflict are decided by the packages
// above: provision and enroll.
//
// The one rule: an answer is untrusted. Bodies are bounded, redirects are not
// followed (a token must not travel to another host), and every text of the
// service that an error carries has been made printable. Tokens and keys never
// appear in errors, logs or printed values.
//
// Requests go through azcore's pipeline, which retries what may pass and
// honours Retry-After; nothing here repeats a request a second time.
package dps

import "time"

// API versions sent as the api-version query parameter. The device API's is the
// one that IoT Edge and the C SDK send; the service API's is the one of the az
// command.
const (
	deviceAPIVersion  = "2021-06-01"
	serviceAPIVersion = "2021-10-01"
)

// maxBody bounds the body of any answer, in bytes after decompression. The
// largest honest one is a page of enrollments with long initial twins.
const maxBody = 1 << 20

// Time limits of one try. The whole of a call is bounded by its context.
const (
	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	headerTimeout = 30 * time.Second
	tryTimeout    = time.Minute
)
