package upstream

import "crypto/tls"

// sessionCache is how many TLS sessions an endpoint keeps for resumption; more
// than a few are never used, as all belong to the same server.
const sessionCache = 32

// verifier is how an https endpoint is verified, and usher to it.
type verifier struct {
	own      *tls.Config // nil if there is nothing unusual
	sessions tls.ClientSessionCache
}

// verifyBy sets what differs from the usual for connections to e. What was
// verified otherwise is not resumed.
func (e *Endpoint) verifyBy(own *tls.Config) {
	if old := e.verify.Load(); old == nil || old.own != nil || own != nil {
		e.verify.Store(&verifier{own, tls.NewLRUClientSessionCache(sessionCache)})
	}
}

// tlsConfig returns the client's side of TLS with an endpoint on host.
func (e *Endpoint) tlsConfig(host string) *tls.Config {
	by := e.verify.Load()
	c := &tls.Config{ServerName: host, RootCAs: e.settings.Roots}
	if by.own != nil {
		c = by.own.Clone()
		if c.ServerName == "" {
			c.ServerName = host
		}
	}
	c.MinVersion = tls.VersionTLS12
	c.NextProtos = []string{"http/1.1"}
	c.ClientSessionCache = by.sessions
	// The relay hands over whole buffers: records of growing size would only
	// add system calls.
	c.DynamicRecordSizingDisabled = true
	return c
}
