//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
)

// tools are what a plan can run besides the program under test. Each is this
// program under another name.
var tools = map[string]func(args []string) error{
	"handles": handles,
	"flush":   flush,
	"hold":    hold,
	"share":   share,
	"plug":    plug,
	"unplug":  unplug,
	"mark":    mark,
}

// First handles of each kind: TPM 2.0 Part 2, 7.2.
var kinds = []struct {
	name  string
	first uint32
}{
	{"transient", 0x80000000},
	{"loaded session", 0x02000000},
	{"saved session", 0x03000000},
	{"persistent", 0x81000000},
}

// handles DEVICE: lists what is on the chip, a line each.
func handles(args []string) error {
	return withTPM(args[0], func(t transport.TPM) error {
		for _, kind := range kinds {
			list, err := list(t, kind.first)
			if err != nil {
				return err
			}
			for _, h := range list {
				fmt.Printf("%s %#x\n", kind.name, uint32(h))
			}
		}
		return nil
	})
}

// flush DEVICE: removes all transient objects and sessions, as a restart does.
func flush(args []string) error {
	return withTPM(args[0], func(t transport.TPM) error {
		for _, first := range []uint32{0x80000000, 0x02000000, 0x03000000} {
			list, err := list(t, first)
			if err != nil {
				return err
			}
			for _, h := range list {
				if _, err := (tpm2.FlushContext{FlushHandle: h}).Execute(t); err != nil {
					return fmt.Errorf("flush %#x: %w", uint32(h), err)
				}
				fmt.Printf("%#x\n", uint32(h))
			}
		}
		return nil
	})
}

// hold DEVICE KEYS: opens a device, makes so many keys on it and says so, keeps
// them until its input ends, and sees whether they are still whole.
func hold(args []string) error {
	want, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return withTPM(args[0], func(t transport.TPM) error {
		var keys []*tpm2.CreatePrimaryResponse
		for range want {
			key, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
			if err != nil {
				return fmt.Errorf("make key %d: %w", len(keys)+1, err)
			}
			keys = append(keys, key)
		}
		fmt.Printf("holding %d\n", len(keys))
		if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
			return err
		}
		for _, key := range keys {
			if _, err := (tpm2.ReadPublic{ObjectHandle: key.ObjectHandle}).Execute(t); err != nil {
				return fmt.Errorf("key %#x after the step: %w", uint32(key.ObjectHandle), err)
			}
		}
		fmt.Printf("held %d\n", len(keys))
		return nil
	})
}

// share GROUP: gives the devices of the chip to a group, as the udev rules of
// Debian's tpm-udev do.
func share(args []string) error {
	group, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	devices, err := filepath.Glob("/dev/tpm*")
	if err != nil {
		return err
	}
	for _, device := range devices {
		if err := errors.Join(os.Chown(device, 0, group), os.Chmod(device, 0o660)); err != nil {
			return err
		}
		fmt.Println(device)
	}
	return nil
}

// withTPM opens a device for the time of one function.
func withTPM(device string, f func(transport.TPM) error) (err error) {
	t, err := linuxtpm.Open(device)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return f(t)
}

// list returns the handles of one kind.
func list(t transport.TPM, first uint32) ([]tpm2.TPMHandle, error) {
	rsp, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: first, PropertyCount: 64}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("list handles from %#x: %w", first, err)
	}
	found, err := rsp.CapabilityData.Data.Handles()
	if err != nil {
		return nil, fmt.Errorf("list handles from %#x: %w", first, err)
	}
	return found.Handle, nil
}
