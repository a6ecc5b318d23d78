//go:build !windows

package tpm

import (
	"net"
	"syscall"
)

// pending says whether bytes have arrived on a connection that nobody has read.
// It does not wait for any.
func pending(c net.Conn) (there bool) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	raw.Read(func(fd uintptr) bool {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		there = err == nil && n > 0
		return true
	})
	return there
}
