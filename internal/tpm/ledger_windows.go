package tpm

import (
	"errors"
	"os"
)

// hasLedgers: Windows's own chip is shared by the TPM Base Services, which clean
// up after a program; software TPMs are for Linux.
const hasLedgers = false

func lockLedger(*os.File) error { return errors.ErrUnsupported }

func privateDirectory(string) error { return errors.ErrUnsupported }
