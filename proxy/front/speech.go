package front

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"

	"usher/proxy/config"
)

// maxShown is how many names or networks the log shows of a listener.
const maxShown = 20

// Speech is how clients are spoken to that come from now on. It does not change.
type Speech struct {
	TLS     *tls.Config    // nil if plain
	Leads   bool           // to https: requests get no other answer
	Proxies []netip.Prefix // peers that speak for others, by the PROXY protocol
	Names   []string       // that there are certificates for; nil if plain
	Demand  bool           // certificates for other names may come

	WebSocket bool // by HTTP/2 too
	Own       bool // records of TLS 1.3 are usher's own: all that is known of a client is data then
}

// attrs say what clients meet.
func (s *Speech) attrs() []any {
	does := "serves the routes"
	if s.Leads {
		does = "leads to https"
	}
	args := []any{"does", does}
	if s.TLS != nil {
		names := shown(s.Names)
		if s.Demand {
			names = strings.TrimPrefix(names+", and what on_demand allows", ", ")
		}
		args = append(args, "certificates_for", names)
	}
	if len(s.Proxies) > 0 {
		args = append(args, "proxy_protocol_from", shown(config.Listener{ProxyProtocol: s.Proxies}.Proxies()))
	}
	return args
}

func shown(list []string) string {
	if more := len(list) - maxShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxShown], ", "), more)
	}
	return strings.Join(list, ", ")
}
