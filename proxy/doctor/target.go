package doctor

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// target is a backend.
type target struct {
	tls     bool
	host    string // as in the Host header
	address string // host:port
	query   string // of the URL: tokens and the like that clients send
}

// parseURL returns the backend and the paths to examine, in order.
func parseURL(o Options) (target, []string, error) {
	u, err := url.Parse(o.URL)
	if err != nil {
		return target{}, nil, &URLError{Text: fmt.Sprintf("%q is no URL", o.URL)}
	}
	ports := map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443"}
	port, ok := ports[u.Scheme]
	if !ok || u.Hostname() == "" {
		return target{}, nil, &URLError{Text: fmt.Sprintf("%q is no URL of a backend: it begins with http://, https://, ws:// or wss:// and a host", o.URL)}
	}
	if u.Port() != "" {
		port = u.Port()
	}
	t := target{
		tls:     u.Scheme == "https" || u.Scheme == "wss",
		host:    u.Host,
		address: net.JoinHostPort(u.Hostname(), port),
		query:   u.RawQuery,
	}
	paths, err := paths(u.EscapedPath(), o.Paths)
	return t, paths, err
}

// paths returns the URL's own path, if it says anything, and the others.
func paths(own string, others []string) ([]string, error) {
	var list []string
	if own != "" && own != "/" {
		list = append(list, own)
	}
	for _, p := range others {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, " ?#\r\n") {
			return nil, &URLError{Text: fmt.Sprintf("%q is no path: it begins with / and has no query", p)}
		}
		if !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		list = []string{defaultPath}
	}
	return list, nil
}
