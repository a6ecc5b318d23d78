package emulator

import (
	"path/filepath"

	"tpmdps/internal/atomicfile"
)

// Names of the files with which an application proves itself, in the folder of
// [Server.WriteFiles].
const (
	clientFile  = "client.pem"
	clusterFile = "federated-token"
)

// writeLogin writes those files, and returns the variables with which each kind
// of credential finds what it needs. The certificate has none: azidentity would
// take the secret before it.
func (s *Server) writeLogin(dir string) ([][2]string, error) {
	cert, err := s.ClientCertificatePEM()
	if err != nil {
		return nil, err
	}
	if err := atomicfile.Put(filepath.Join(dir, clientFile), cert, 0o600); err != nil {
		return nil, err
	}
	token, err := s.ClusterToken()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, clusterFile)
	if err := atomicfile.Put(path, []byte(token), 0o600); err != nil {
		return nil, err
	}
	return [][2]string{
		{"AZURE_AUTHORITY_HOST", s.Endpoint()},
		{"AZURE_TENANT_ID", TenantID},
		{"AZURE_CLIENT_ID", ClientID},
		{"AZURE_CLIENT_SECRET", s.ClientSecret()},
		{"AZURE_FEDERATED_TOKEN_FILE", path},
		{"IDENTITY_ENDPOINT", s.Endpoint() + "/msi/token"},
		{"IDENTITY_HEADER", s.IdentityHeader()},
	}, nil
}
