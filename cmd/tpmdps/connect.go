package main

import (
	"context"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/input"
	"tpmdps/internal/network"
)

// networkFlags are on the commands that reach a service.
func networkFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "ca-file", Category: "Network:", Usage: "trust the certificates in `PEM` too; DER and PKCS #7 (.p7b) are accepted"},
	}
}

// way is what every connection of a run has in common.
type way struct {
	roots   *x509.CertPool // nil: the system's
	proxies environment.Proxies
}

// way reads the proxies and the certificates to trust; caFile has more of them. It
// comes before the first connection; a setting that cannot be used ends the run here.
func (u *ui) way(ctx context.Context, caFile string) (w way, err error) {
	env := variables()
	var note string
	if w.proxies, note, err = env.Proxies(); err != nil {
		return w, err
	}
	if note != "" {
		u.warn(note)
	}
	w.roots, err = network.RootFiles{
		CAFile: caFile,
		Trust:  env.Trust(),
		Read:   func(path string) ([]byte, error) { return input.ReadFile(ctx, path, network.MaxCertificates) },
		System: func() (*x509.CertPool, error) { // SSL_CERT_FILE may name a pipe
			return input.Await(ctx, "the system's certificates", "", x509.SystemCertPool)
		},
	}.Load()
	return w, err
}

// clientOptions are those of a client of DPS. Its requests are traced, and secrets in
// them learned.
func (u *ui) clientOptions(ctx context.Context, client *http.Client) dps.ClientOptions {
	client.Transport = u.traced(client.Transport)
	return dps.ClientOptions{
		HTTPClient: client, Application: application(),
		RetryDelay: retryDelay(ctx), Retrying: u.retrying, Log: u.log,
	}
}

// retrying says that a request is sent again, and why nothing happens until then.
// A batch that is enrolled in bulk slows down instead, and tells of its progress.
func (u *ui) retrying(r dps.Retry) {
	if r.Status == http.StatusTooManyRequests && u.throttled != nil {
		u.throttled(r.In)
		return
	}
	u.progress("%s", r)
}

// retryDelay is the first pause before a request is sent again; 0 is the clients'
// own. Tests of hundreds of answers have a shorter one.
var retryDelay = func(context.Context) time.Duration { return 0 }
