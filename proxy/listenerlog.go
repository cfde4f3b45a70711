package proxy

import (
	"fmt"
	"strings"

	"usher/proxy/config"
)

// maxShown is how many names or networks the log shows of a listener.
const maxShown = 20

// attrs are those of the line in the log that says what l does.
func (l *listener) attrs() []any {
	args := append([]any{"address", l.Addr().String(), "url", l.url()}, l.speech.Load().attrs()...)
	if l.given != "" {
		args = append(args, "inherited", l.given)
	}
	return args
}

// attrs say what clients meet.
func (s *speech) attrs() []any {
	does := "serves the routes"
	if s.leads {
		does = "leads to https"
	}
	args := []any{"does", does}
	if s.tls != nil {
		names := shown(s.names)
		if s.demand {
			names = strings.TrimPrefix(names+", and what on_demand allows", ", ")
		}
		args = append(args, "certificates_for", names)
	}
	if len(s.proxies) > 0 {
		args = append(args, "proxy_protocol_from", shown(config.Listener{ProxyProtocol: s.proxies}.Proxies()))
	}
	return args
}

func shown(list []string) string {
	if more := len(list) - maxShown; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxShown], ", "), more)
	}
	return strings.Join(list, ", ")
}
