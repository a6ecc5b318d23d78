package main

import (
	"errors"
	"io/fs"
	"os"

	"tpmdps/internal/environment"
)

// checkLoginFiles looks at the files that azidentity will read as it looks at its
// own: a certificate's key and a federated token are secrets as well. A cluster
// gives its tokens a mode that suits it, so those are not warned of.
func (s *session) checkLoginFiles(kind string, from environment.Login) error {
	certificate, token := from.Certificate, from.TokenFile
	if kind != "environment" && kind != "default" || from.Secret {
		certificate.Value = ""
	}
	if kind != "workload" && kind != "default" {
		token.Value = ""
	}
	for _, file := range []environment.Setting{certificate, token} {
		if file.Value == "" {
			continue
		}
		info, err := os.Stat(file.Value)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return file.Wrong("there is no such file", "name the file that the sign-in is done with, or take the variable out", nil)
		case err != nil:
			continue // azidentity says so
		case info.IsDir():
			return file.Wrong("it names a folder, not a file", "name the file that the sign-in is done with, or take the variable out", nil)
		}
		if err := s.secretPolicy().CheckPath(file.Value); err != nil {
			return err
		}
		if file == certificate {
			s.secretPolicy().CheckMode(info, file.Value)
		}
	}
	return nil
}
