package disk

import (
	"math"

	"golang.org/x/sys/unix"
)

func free(path string) (int64, error) {
	var on unix.Statfs_t
	if err := unix.Statfs(path, &on); err != nil {
		return 0, err
	}
	size := uint64(max(on.Frsize, 1))
	return int64(min(on.Bavail, math.MaxInt64/size) * size), nil
}
