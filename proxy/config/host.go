package config

import (
	"net/netip"
	"strings"
)

// NormalHost returns the host of a Host header in the form in which routes have
// it: lower case, without port, without the dot at its end, IPv6 addresses in
// their short form without brackets. It is "" for what is no host. A host in
// normal form, with or without a port, costs no allocation unless it is IPv6.
func NormalHost(hostport string) string {
	host := hostport
	if strings.HasPrefix(host, "[") {
		inner, port, ok := strings.Cut(host[1:], "]")
		a, err := netip.ParseAddr(inner)
		if !ok || err != nil || !a.Is6() || a.Zone() != "" || (port != "" && port[0] != ':') {
			return ""
		}
		return a.String()
	}
	if i := strings.IndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	if !isHost(host) {
		return ""
	}
	return strings.ToLower(host)
}

// host reads one of a route's hosts; "" if it is wrong.
func (l *loader) host(v value) string {
	w, ok := l.text(v)
	if !ok {
		return ""
	}
	name, wildcard := strings.CutPrefix(w.text, "*.")
	normal := NormalHost(name)
	if strings.Contains(name, ":") && !strings.HasPrefix(name, "[") && strings.Count(name, ":") > 1 {
		normal = NormalHost("[" + name + "]")
	}
	foreign := w.foreignHost()
	switch {
	case w.text == "*":
		l.errorf(w.Position, "leave host out for any host")
	case foreign != "":
		l.errorf(w.Position, "host %s%s", w, foreign)
	case strings.ContainsAny(name, "/@?#"):
		l.errorf(w.Position, `host %s must be a name such as "app.example.com", not a URL`, w)
	case strings.Contains(name, "*"):
		l.errorf(w.Position, `host %s: a "*" may only stand for the first labels, as in "*.example.com"`, w)
	case normal == "" && strings.Trim(name, asciiPrintable) != "":
		l.errorf(w.Position, `host %s must be in ASCII, where other letters are written as "xn--..."`, w)
	case normal == "" || (wildcard && strings.Contains(normal, ":")):
		l.errorf(w.Position, "host %s is neither a name nor an address", w)
	case hasPort(name):
		l.errorf(w.Position, "host %s must not have a port: a route takes its host on every port%s", w, w.instead(normal))
	case wildcard:
		return "*." + normal
	default:
		return normal
	}
	return ""
}

func hasPort(host string) bool {
	return strings.Contains(host, "]:") || strings.Count(host, ":") == 1
}

const asciiPrintable = hostLetters + " !\"#$%&'()*+,./:;<=>?@[\\]^`{|}~"
