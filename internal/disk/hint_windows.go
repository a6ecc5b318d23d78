package disk

func (c Cause) hintHere(path string) string {
	switch c {
	case Full:
		return "free some space on that drive, " + anotherPlace
	case ReadOnly:
		return "the medium is write-protected: is there a switch on it? Release it, " + anotherPlace
	case Broken:
		return "the disk, the medium or the network share failed: the event log has details; repair a stick that lost its power with chkdsk, or name a place on another file system"
	case Busy:
		return "close the program that has the file open, such as an editor or a virus scanner, and run the same command again"
	case Other:
		return "check the drive: the event log may have messages about it"
	}
	return ""
}
