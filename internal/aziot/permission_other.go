//go:build !linux

package aziot

import "errors"

// permissionOf knows nothing where IoT Edge does not run.
func permissionOf(string) (permission, error) {
	return permission{}, errors.New("not on this system")
}
