package verdict

// Hints that name what only one kind of system has.
const (
	hintPermission = "run it elevated: open the terminal with Run as administrator"
	hintResources  = "another program left objects or sessions on the chip; close it, or restart the machine"
	hintBusy       = "another program holds the TPM; close it, or restart the machine"
	hintSwtpm      = "there is no swtpm for Windows: run this in the Windows Subsystem for Linux, or on a Linux machine"
	hintOtherUser  = "run it elevated, or as the user whose file it is"
	hintClock      = "set the clock, for example as administrator: w32tm /resync"
)
