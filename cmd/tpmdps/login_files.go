package main

import "os"

// checkLoginFiles looks at the files that azidentity will read as it looks at its
// own: a certificate's key and a federated token are secrets as well. A cluster
// gives its tokens a mode that suits it, so those are not warned of.
func (s *session) checkLoginFiles(kind string) error {
	certificate, token := os.Getenv("AZURE_CLIENT_CERTIFICATE_PATH"), os.Getenv("AZURE_FEDERATED_TOKEN_FILE")
	if kind != "environment" && kind != "default" || os.Getenv("AZURE_CLIENT_SECRET") != "" {
		certificate = ""
	}
	if kind != "workload" && kind != "default" {
		token = ""
	}
	for _, path := range []string{certificate, token} {
		info, err := os.Stat(path)
		if err != nil {
			continue // azidentity says so
		}
		if err := s.checkPlace(path); err != nil {
			return err
		}
		if path == certificate {
			s.warnReadable(info, path)
		}
	}
	return nil
}
