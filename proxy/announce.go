package proxy

import (
	"net"
	"net/http"
	"net/netip"
	"slices"

	"usher/proxy/config"
	"usher/proxy/headers"
	"usher/proxy/upstream"
)

// announces reports whether an upstream wants to be told the client's address
// in front of each connection.
func announces(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Upstreams, func(u *config.Upstream) bool { return u.SendProxyProtocol != 0 })
}

// withClient returns r with what such an upstream is told.
func withClient(r *http.Request, sender headers.Sender) *http.Request {
	var source net.Addr
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && sender.Client == sender.Peer {
		source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(sender.Peer, peer.Port()))
	} else if sender.Client.IsValid() { // a trusted peer tells no port
		source = net.TCPAddrFromAddrPort(netip.AddrPortFrom(sender.Client, 0))
	}
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if _, unix := local.(*net.UnixAddr); unix && source != nil {
		local = nowhere(source)
	}
	return r.WithContext(upstream.WithClient(r.Context(), source, local))
}

// nowhere is the destination of a client that is known and came by a unix
// socket, of which the PROXY protocol has no notion.
func nowhere(source net.Addr) net.Addr {
	if source.(*net.TCPAddr).IP.To4() != nil {
		return &net.TCPAddr{IP: net.IPv4zero}
	}
	return &net.TCPAddr{IP: net.IPv6unspecified}
}
