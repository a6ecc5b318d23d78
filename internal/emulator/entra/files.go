package entra

import (
	"path/filepath"

	"tpmdps/internal/atomicfile"
)

// Names of the files of [Server.WriteFiles].
const (
	clientFile  = "client.pem"
	clusterFile = "federated-token"
)

// WriteFiles writes the files with which an application proves itself into dir,
// and returns the environment variables, each a name and a value, with which each
// kind of credential finds what it needs. The certificate has none: azidentity would
// use the secret before it. The files, and some of the values, are secrets.
func (s *Server) WriteFiles(dir string) ([][2]string, error) {
	cert, err := s.certificatePEM()
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Put(filepath.Join(dir, clientFile), cert, 0o600); err != nil {
		return nil, err
	}
	token, err := s.clusterToken()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, clusterFile)
	if err := atomicfile.Put(path, []byte(token), 0o600); err != nil {
		return nil, err
	}
	return [][2]string{
		{"AZURE_AUTHORITY_HOST", s.endpoint()},
		{"AZURE_TENANT_ID", TenantID},
		{"AZURE_CLIENT_ID", ClientID},
		{"AZURE_CLIENT_SECRET", s.ClientSecret()},
		{"AZURE_FEDERATED_TOKEN_FILE", path},
		{"IDENTITY_ENDPOINT", s.endpoint() + "/msi/token"},
		{"IDENTITY_HEADER", s.IdentityHeader()},
	}, nil
}
