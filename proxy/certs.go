package proxy

import "net"

// keepCerts keeps the certificates fresh until stop is called.
func (s *Server) keepCerts() (stop func(), err error) {
	if s.certs == nil {
		return func() {}, nil
	}
	var plain, secure net.Addr
	for _, l := range s.listeners {
		switch {
		case l.tls == nil && plain == nil:
			plain = l.Addr()
		case l.tls != nil && secure == nil:
			secure = l.Addr()
		}
	}
	return s.certs.Stop, s.certs.Start(plain, secure)
}
