package disk

// anotherPlace ends the hints that cannot be followed by everybody.
const anotherPlace = "or name a place on another file system"

// Hint is the next step for a cause at path, which may be "" for any. Of Denied the
// command line knows more. What only one kind of system has is in hintHere.
func (c Cause) Hint(path string) string {
	if path == Stdout {
		switch c {
		case Full:
			return "free some space where standard output goes (df shows how full each file system is), or send it elsewhere"
		case Closed:
			return "standard output cannot be written to: send it to a file, a pipe or a terminal"
		}
	}
	if here := c.hintHere(path); here != "" {
		return here
	}
	switch c {
	case TooLarge:
		return "a limit of this user (ulimit -f) or of the file system (4 GB on FAT) was reached: raise it, " + anotherPlace
	case Missing:
		return "compare the name with what is there; a folder must exist before a file is written to it"
	case IsFolder:
		return "name a file in that folder"
	case NoFolder:
		return "a part of that path is a file: compare it with what is there"
	case BadName:
		return "choose a shorter name without special characters"
	case Loop:
		return "a symbolic link on that path leads back to itself: ls -l shows where it points to"
	case NoModes:
		return "this file system stores no owner and mode (as with FAT, exFAT and some network shares), so that no secret is safe there: name a place on this machine's own disk"
	case Closed:
		return "that descriptor is not open: did the shell or the caller pass it on?"
	case Lacking:
		return "this file system lacks what is needed for that, as FAT, exFAT and some network shares do: name a place on this machine's own disk"
	}
	return ""
}
