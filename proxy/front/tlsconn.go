package front

import "crypto/tls"

// tlsConn is a conn over TLS. net/http asks it for the state.
type tlsConn struct {
	*conn
	state tls.ConnectionState
}

// ConnectionState returns what came of the TLS handshake.
func (c *tlsConn) ConnectionState() tls.ConnectionState { return c.state }
