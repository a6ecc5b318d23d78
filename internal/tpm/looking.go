package tpm

import "errors"

// Looking is for those who promise to change nothing: what a killed run left stays
// on the chip, unless there is no room to look besides it.
func Looking(opts Options, look func(Options) error) error {
	opts.keepLeftovers = true
	err := look(opts)
	if errors.Is(err, ErrResources) {
		opts.keepLeftovers = false
		err = look(opts)
	}
	return err
}
