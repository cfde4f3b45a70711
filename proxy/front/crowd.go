package front

import (
	"net"
	"net/netip"

	"usher/proxy/headers"
	"usher/proxy/proxyproto"
	"usher/proxy/refusal"
)

// errCrowd is why a connection is closed as soon as it is there.
var errCrowd = &refusal.Error{Reason: refusal.Connections, Rule: "too many connections of this address"}

// count says for whom the client's connection counts, if it may be there. Those of
// peers that speak for others do not count: all clients share them.
func (c *client) count(from net.Addr) bool {
	site, peer, server := c.from.server.site.Load(), c.counted(from), c.from.server
	if !peer.IsValid() {
		return true
	}
	if most := site.Quota.Connections; most > 0 && server.inflight.counts.Of(peer) >= most {
		server.serving.Go(func() { // the loop does not wait for the log
			server.refusals.NoteRaw(from, c.from.Addr(), "connection refused", errCrowd)
		})
		return false
	}
	c.counts = peer
	return true
}

// counted returns for whom a connection counts, invalid for nobody.
func (c *client) counted(from net.Addr) netip.Addr {
	site, peer := c.from.server.site.Load(), headers.Peer(from.String())
	if !peer.IsValid() || proxyproto.Speaks(from, c.how.Proxies) || site.Headers.Trusts(peer) || site.Quota.Exempts(peer) {
		return netip.Addr{}
	}
	return peer
}
