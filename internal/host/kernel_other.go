//go:build !linux

package host

import (
	"context"
	"errors"
)

// ReadKernelLog returns errors.ErrUnsupported: other systems have no such log.
func ReadKernelLog(context.Context, string) (KernelLog, error) {
	return KernelLog{}, errors.ErrUnsupported
}
