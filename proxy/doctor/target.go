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
	var paths []string
	if p := u.EscapedPath(); p != "" && p != "/" {
		paths = append(paths, p)
	}
	for _, p := range o.Paths {
		if !strings.HasPrefix(p, "/") || strings.ContainsAny(p, " ?#\r\n") {
			return target{}, nil, &URLError{Text: fmt.Sprintf("%q is no path: it begins with / and has no query", p)}
		}
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	if len(paths) == 0 {
		paths = []string{defaultPath}
	}
	return t, paths, nil
}
