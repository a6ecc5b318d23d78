package host

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"tpmdps/internal/identity"
)

const (
	rsmb             = 'R'<<24 | 'S'<<16 | 'M'<<8 | 'B' // the provider of the raw SMBIOS table
	maxFirmwareTable = 1 << 20                          // 64 KiB at most before SMBIOS 3, little more since
)

var getSystemFirmwareTable = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetSystemFirmwareTable")

// firmware returns what the SMBIOS table says. Windows lets every user read it.
func firmware(Machine) (identity.Host, []string) {
	data, err := firmwareTable()
	if err != nil {
		return identity.Host{}, []string{err.Error()}
	}
	return fromSMBIOS(data)
}

// firmwareTable asks for the size first, as the function wants it, and again
// with room for the table.
func firmwareTable() ([]byte, error) {
	if err := getSystemFirmwareTable.Find(); err != nil {
		return nil, fmt.Errorf("read the SMBIOS table: %w", err)
	}
	size, _, err := getSystemFirmwareTable.Call(rsmb, 0, 0, 0)
	if size == 0 {
		return nil, fmt.Errorf("read the SMBIOS table: %w", err)
	}
	if size > maxFirmwareTable {
		return nil, fmt.Errorf("read the SMBIOS table: %d bytes, more than the %d that it may have", size, maxFirmwareTable)
	}
	data := make([]byte, size)
	read, _, err := getSystemFirmwareTable.Call(rsmb, 0, uintptr(unsafe.Pointer(&data[0])), size)
	if read == 0 || read > size {
		return nil, fmt.Errorf("read the SMBIOS table: %w", err)
	}
	return data[:read], nil
}
