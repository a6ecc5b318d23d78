//go:build !windows

package verdict

// Hints that name what only one kind of system has.
const (
	hintPermission = "run as root, or give the user access: sudo usermod -aG tss $USER, and log in again"
	hintResources  = "another program filled the chip past the kernel's resource manager; find it with: sudo fuser -v /dev/tpm0, end it, then look at what it left: tpmdps chip flush"
	hintBusy       = "another program holds the TPM; find it with: sudo fuser -v /dev/tpm0 /dev/tpmrm0"
	hintSwtpm      = "sudo apt-get install swtpm swtpm-tools"
	hintOtherUser  = "run it again with sudo, or as the user whose file it is"
	hintClock      = "set the clock, for example: sudo timedatectl set-ntp true"
)
