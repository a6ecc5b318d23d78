package operator

import (
	"errors"
	"io/fs"
	"os"

	"tpmdps/internal/environment"
)

// checkLoginFiles checks the place and the mode of the files that azidentity will
// read: a certificate's key and a federated token are secrets as well. A cluster
// gives its tokens a mode that suits it, so that is no reason for a warning.
func (o Options) checkLoginFiles(login environment.Login) error {
	certificate, token := login.Certificate, login.TokenFile
	if o.Credential != "environment" && o.Credential != "default" || login.Secret {
		certificate.Value = ""
	}
	if o.Credential != "workload" && o.Credential != "default" {
		token.Value = ""
	}
	for _, file := range []environment.Setting{certificate, token} {
		if file.Value == "" {
			continue
		}
		info, err := os.Stat(file.Value)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return file.Invalid("there is no such file", "name the file to sign in with, or unset the variable", nil)
		case err != nil:
			continue // azidentity reports it
		case info.IsDir():
			return file.Invalid("it names a folder, not a file", "name the file to sign in with, or unset the variable", nil)
		}
		if err := o.Files.CheckPath(file.Value); err != nil {
			return err
		}
		if file == certificate {
			o.Files.CheckMode(info, file.Value)
		}
	}
	return nil
}
