package chain

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// msdosMagic is how statfs names FAT: MSDOS_SUPER_MAGIC of linux/magic.h.
const msdosMagic = 0x4d44

// reserve gives a file on FAT the clusters for what will be appended, and brings them to the
// disk before that. Linux writes the new length of such a file before its new clusters: a
// power cut between the two leaves a file that ends outside of them, and the kernel then refuses
// to read its last page, in which earlier lines are. Clusters after the end are harmless to them.
func reserve(f *os.File, end, size int64) error {
	fd := int(f.Fd())
	var on unix.Statfs_t
	if err := unix.Fstatfs(fd, &on); err != nil || int64(on.Type) != msdosMagic {
		return nil // other file systems keep the order by themselves
	}
	var before, after unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		return err
	}
	switch err := unix.Fallocate(fd, unix.FALLOC_FL_KEEP_SIZE, end, size); {
	case errors.Is(err, errors.ErrUnsupported):
		return nil
	case err != nil:
		return err
	}
	if err := unix.Fstat(fd, &after); err != nil || after.Blocks == before.Blocks {
		return err
	}
	return f.Sync()
}
