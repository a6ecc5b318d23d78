package disk

import "fmt"

// Free is how many bytes this user can still write to the file system at path. The
// error wraps errors.ErrUnsupported where the system cannot tell.
func Free(path string) (int64, error) {
	free, err := free(path)
	if err != nil {
		return 0, At(path, fmt.Errorf("ask for the free space at %s: %w", path, err))
	}
	return free, nil
}
