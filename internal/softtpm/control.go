package softtpm

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"
)

// Commands of swtpm's control channel (swtpm_ioctls(3)): a big-endian code and
// its arguments, answered by a result, where 0 is success.
const (
	cmdGetCapability = 1
	cmdInit          = 2 // argument: flags
	cmdShutdown      = 3
)

// control sends one command over the control channel and waits for its result.
func (p *Process) control(ctx context.Context, code uint32, args ...uint32) error {
	request := binary.BigEndian.AppendUint32(nil, code)
	for _, a := range args {
		request = binary.BigEndian.AppendUint32(request, a)
	}
	answer, err := p.ctrl.exchange(ctx, request, 4)
	if err != nil {
		return fmt.Errorf("control channel: %w", err)
	}
	if result := binary.BigEndian.Uint32(answer); result != 0 {
		return fmt.Errorf("control channel: command %d answered %#x", code, result)
	}
	return nil
}

// PowerCycle takes the power from the chip and gives it back: what is volatile
// is gone, what is persistent stays, and the chip has been started up again.
// No TPM2_Shutdown goes before it, which a chip counts as a power failure. A
// client that keeps its connection open makes PowerCycle wait for it.
func (p *Process) PowerCycle(ctx context.Context) error {
	if err := p.control(ctx, cmdInit, 0); err != nil {
		return fmt.Errorf("power-cycle the software TPM: %w", err)
	}
	startup := "\x80\x01\x00\x00\x00\x0c\x00\x00\x01\x44\x00\x00" // TPM2_Startup(TPM_SU_CLEAR)
	if p.tpm12 {
		startup = "\x00\xc1\x00\x00\x00\x0c\x00\x00\x00\x99\x00\x01" // TPM_Startup(TPM_ST_CLEAR)
	}
	answer, err := p.data.exchange(ctx, []byte(startup), 10)
	if err != nil {
		return fmt.Errorf("start up the software TPM: %w", err)
	}
	if rc := binary.BigEndian.Uint32(answer[6:]); rc != 0 {
		return fmt.Errorf("start up the software TPM: response code %#x", rc)
	}
	return nil
}

// exchange sends a request on a connection of its own and reads the first size
// bytes of the answer. It gives up when ctx ends and in any case after a limit.
func (e endpoint) exchange(ctx context.Context, request []byte, size int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, e.network, e.name)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// A deadline in the past wakes Write and Read up.
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()

	answer := make([]byte, size)
	if _, err = conn.Write(request); err == nil {
		_, err = io.ReadFull(conn, answer)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err() // says more than "i/o timeout"
	}
	return answer, err
}
