//go:build !linux

package host

import (
	"context"
	"errors"
)

// KernelLog returns errors.ErrUnsupported: other systems have no such log.
func (m Machine) KernelLog(context.Context) (KernelLog, error) {
	return KernelLog{}, errors.ErrUnsupported
}
