package identity

import "regexp"

var deviceIDForm = regexp.MustCompile(`^[A-Za-z0-9\-:.+%_#*?!(),=@;$']+$`)

const maxDeviceID = 128 // characters

// IsDeviceID tells whether an IoT Hub accepts a text as the ID of a device: 1 to 128
// letters, digits and some signs, in any case (concepts-service of IoT Hub).
func IsDeviceID(id string) bool { return len(id) <= maxDeviceID && deviceIDForm.MatchString(id) }
