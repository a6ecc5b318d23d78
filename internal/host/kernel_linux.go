package host

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
)

// KernelLog reads the kernel's messages about the TPM from /dev/kmsg. It takes what
// is there and does not wait for more. Where only root may, the error wraps
// fs.ErrPermission.
func (m Machine) KernelLog(ctx context.Context) (KernelLog, error) {
	return readKernelLog(ctx, m.Path("/dev/kmsg"))
}

func readKernelLog(ctx context.Context, path string) (KernelLog, error) {
	var filter kernelFilter
	// Not with os: that would wait for more where there is nothing.
	fd, err := syscall.Open(path, syscall.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return KernelLog{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	overwritten := false
	buf := make([]byte, 2*maxRecord)
	for read := 0; read < maxLogBytes; {
		if err := ctx.Err(); err != nil {
			return KernelLog{}, err
		}
		n, err := syscall.Read(fd, buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EPIPE):
			overwritten = true // the next read goes on with the oldest that is there
			continue
		case errors.Is(err, syscall.EAGAIN) || err == nil && n == 0:
			read = maxLogBytes
			continue
		case err != nil:
			return KernelLog{}, &fs.PathError{Op: "read", Path: path, Err: err}
		}
		read += n
		filter.Write(buf[:n])
	}
	log := filter.log()
	log.Overwritten = overwritten
	return log, nil
}
