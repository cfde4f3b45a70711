package command

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// place is where a running usher takes orders.
type place struct {
	network, target string // to dial
	url             string // of the API, without a path
}

const placeForms = "it is HOST:PORT, http://HOST:PORT or unix:/PATH, such as 127.0.0.1:9901"

// parsePlace reads an address as the routes file has it, a path, or a URL as
// browsers have it.
func parsePlace(address string) (place, error) {
	if path, ok := strings.CutPrefix(address, "unix:"); ok || strings.HasPrefix(address, "/") {
		return place{"unix", path, "http://localhost"}, nil
	}
	if strings.Contains(address, "://") {
		return parsePlaceURL(address)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" {
		return place{}, &UsageError{Text: fmt.Sprintf("--admin: %q is no address", address), Hint: placeForms}
	}
	return placeOf("http", host, port), nil
}

// parsePlaceURL reads what a browser shows of the dashboard. A name and a password
// would be seen by everybody on the machine, and the API is at the root.
func parsePlaceURL(address string) (place, error) {
	u, err := url.Parse(address)
	ports := map[string]string{"http": "80", "https": "443"}
	switch {
	case err != nil || u.Hostname() == "" || ports[u.Scheme] == "":
		return place{}, &UsageError{Text: "--admin: this is no URL of usher's", Hint: placeForms}
	case u.User != nil:
		return place{}, &UsageError{Text: "--admin: no name and password may stand in the URL, where all on this machine see them", Hint: "set " + tokenVariable + ", and leave them out: --admin " + u.Scheme + "://" + u.Host}
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return place{}, &UsageError{Text: fmt.Sprintf("--admin: %q has a path: usher's API is at the root", u.Path), Hint: "--admin " + u.Scheme + "://" + u.Host}
	}
	port := u.Port()
	if port == "" {
		port = ports[u.Scheme]
	}
	return placeOf(u.Scheme, u.Hostname(), port), nil
}

func placeOf(scheme, host, port string) place {
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1" // usher listens on all addresses of this machine
	}
	target := net.JoinHostPort(host, port)
	return place{"tcp", target, scheme + "://" + target}
}

// operator returns one that asks there. address is how the place was called.
func (p place) operator(address, token string) *operator {
	c := &operator{address: address, token: token, url: p.url}
	c.client.Transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, p.network, p.target)
		},
	}
	return c
}
