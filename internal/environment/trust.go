package environment

import "path/filepath"

// Trust says which certificates to trust, beside or instead of the system's.
type Trust struct {
	// File is SSL_CERT_FILE; its zero value means none.
	File Setting
	// Folders is SSL_CERT_DIR; its zero value means none.
	Folders Setting
}

// Trust reads SSL_CERT_FILE and SSL_CERT_DIR. The files are for others to open.
func (v Variables) Trust() Trust {
	var t Trust
	t.File, _ = v.First("SSL_CERT_FILE")
	t.Folders, _ = v.First("SSL_CERT_DIR")
	return t
}

// List are the folders that a setting names, one after the other.
func (s Setting) List() []string {
	var folders []string
	for _, folder := range filepath.SplitList(s.Value) {
		if folder != "" {
			folders = append(folders, folder)
		}
	}
	return folders
}

// Invalid is the [Error] of a setting that cannot be used for a reason that its reader
// has found. The reason must not repeat the value.
func (s Setting) Invalid(reason, advice string, cause error) error {
	return &Error{s.Variable, reason, advice, cause}
}

// Bare returns the [Error] of a value with something around it that is not a part of it.
func (s Setting) Bare() error {
	if reason := s.Dressed(); reason != "" {
		return s.invalid(reason, howToSet)
	}
	return nil
}

// Dressed says what stands around the value that is not a part of it, such as quotes;
// "" is nothing.
func (s Setting) Dressed() string { return dressed(s.Value) }
