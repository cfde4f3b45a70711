package proxyproto

import (
	"net"

	"github.com/pires/go-proxyproto"
)

// Header returns what to send in front of a connection that is made for a
// client, in version 1 or 2. source is the client's address and destination the
// one that it connected to; if one is not known, as both are not on a
// connection of usher's own, the header says just that.
func Header(version byte, source, destination net.Addr) ([]byte, error) {
	if source == nil || destination == nil {
		source, destination = nil, nil
	}
	return proxyproto.HeaderProxyFromAddrs(version, source, destination).Format()
}
