package upstream

import "crypto/tls"

// tlsConfig returns the client's side of TLS with an endpoint on host.
func (e *Endpoint) tlsConfig(host string) *tls.Config {
	c := &tls.Config{ServerName: host, RootCAs: e.pool.Roots}
	if own := e.pool.TLS[e.upstream.Name]; own != nil {
		c = own.Clone()
		if c.ServerName == "" {
			c.ServerName = host
		}
	}
	c.MinVersion = tls.VersionTLS12
	c.NextProtos = []string{"http/1.1"}
	c.ClientSessionCache = e.sessions
	// The relay hands over whole buffers: records of growing size would only
	// add system calls.
	c.DynamicRecordSizingDisabled = true
	return c
}
