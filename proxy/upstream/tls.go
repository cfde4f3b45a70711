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

// unusual is what differs from the usual, nil if nothing does.
func (e *Endpoint) unusual() *tls.Config {
	if by := e.verify.Load(); by != nil {
		return by.own
	}
	return nil
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
	// The suites are Go's own. They end with CBC, which only a server chooses
	// that has nothing better: it may be old and out of its owner's hands, and
	// whoever stands between cannot bring another to choose so.
	c.NextProtos = []string{"http/1.1"}
	c.ClientSessionCache = by.sessions
	// The relay hands over whole buffers: records of growing size would only
	// add system calls.
	c.DynamicRecordSizingDisabled = true
	return c
}
