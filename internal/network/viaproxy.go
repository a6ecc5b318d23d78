package network

import "fmt"

// proxyError is what went wrong on a way that leads through a proxy: the proxy is
// named, since nothing else in the error need be on this machine's side of it.
type proxyError struct {
	err  error
	hint string
}

// Error implements error.
func (e *proxyError) Error() string { return e.err.Error() }

// Unwrap returns the layer's error.
func (e *proxyError) Unwrap() error { return e.err }

// Hint is what to do about it.
func (e *proxyError) Hint() string { return e.hint }

// toProxy is an error of the way to the proxy itself, nil where there is none.
func (r *Route) toProxy(err error) error {
	if err == nil || r.proxy == nil {
		return err
	}
	return &proxyError{err, fmt.Sprintf("HTTPS_PROXY names %s: does that proxy run, and is its name right? Without one, unset the variable, or add the host to NO_PROXY", r.proxy.Host)}
}

// throughProxy is an error of the way beyond the proxy, nil where there is none.
func (r *Route) throughProxy(err error) error {
	if err == nil || r.proxy == nil {
		return err
	}
	return fmt.Errorf("%w (through the proxy %s)", err, r.proxy.Host)
}

// describeProxy says of the host that this machine connects to that it is the proxy.
func (r *Route) describeProxy() string {
	if r.proxy == nil {
		return ""
	}
	return ", the proxy"
}
