package config

import (
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// origins reads one origin or a list of them.
func (l *loader) origins(v value) []string {
	var list []string
	first := make(map[string]Position)
	entries := l.oneOrMore(v, "an origin")
	for _, item := range entries {
		w, ok := l.text(item)
		if !ok {
			continue
		}
		if w.text == "*" {
			if len(entries) > 1 {
				l.errorf(w.Position, `origin "*" allows every origin: it must stand alone`)
			}
			list = append(list, "*")
			continue
		}
		o, ok := l.origin(w)
		if !ok {
			continue
		}
		if at, ok := first[o]; ok {
			l.errorf(w.Position, "origin %s stands here a second time: the first is at %s", w, l.where(at))
			continue
		}
		first[o] = w.Position
		list = append(list, o)
	}
	return list
}

// origin returns w as a browser serializes it (RFC 6454, 6.2). "*." before its
// host stands for one label or more.
func (l *loader) origin(w word) (string, bool) {
	scheme, rest, ok := strings.Cut(strings.ToLower(w.text), "://")
	name, wildcard := strings.CutPrefix(rest, "*.")
	host, port := cutPort(name)
	switch {
	case w.text == "null":
		l.errorf(w.Position, `origin "null" is that of any sandboxed page: write "*" if every page may connect`)
	case !ok:
		l.errorf(w.Position, `origin %s must be SCHEME://HOST, such as "https://app.example.com"`, w)
	case scheme == "ws" || scheme == "wss":
		l.errorf(w.Position, "origin %s is never sent: a page has the origin that it was loaded from%s", w, w.instead("http"+scheme[2:]+"://"+rest))
	case strings.Contains(name, "*"):
		l.errorf(w.Position, `origin %s: a "*" may only stand for the first labels, as in "https://*.example.com", or alone`, w)
	case strings.Contains(rest, "@"):
		l.errorf(w.Position, "an origin has no user name")
	case strings.ContainsAny(rest, "/?#"):
		l.errorf(w.Position, "origin %s must end with its host or port%s", w, w.instead(scheme+"://"+rest[:strings.IndexAny(rest, "/?#")]))
	case !isScheme(scheme), rest == "" && scheme != "file", rest != "" && !isHost(host), port != "" && !isPort(port, 1):
		l.errorf(w.Position, `origin %s must be SCHEME://HOST, such as "https://app.example.com"`, w)
	case wildcard && isAddress(host):
		l.errorf(w.Position, "origin %s: nothing lies below an address", w)
	default:
		if wildcard && isShared(host) {
			l.advise(w.Position, "origin %s lets everybody in: anybody can have a name below %s", w, host)
		}
		if port == map[string]string{"http": "80", "https": "443"}[scheme] {
			rest = strings.TrimSuffix(rest, ":"+port)
		}
		return scheme + "://" + rest, true
	}
	return "", false
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// isShared tells whether names below host belong to whoever wants one: it is a
// top level domain, or one of those below which strangers get pages of their own.
func isShared(host string) bool {
	suffix, listed := publicsuffix.PublicSuffix(host)
	return suffix == host && (listed || strings.Contains(host, "."))
}

// cutPort returns the host without brackets, and the port or "".
func cutPort(s string) (host, port string) {
	if h, p, err := net.SplitHostPort(s); err == nil && p != "" {
		return h, p
	}
	if inner, ok := strings.CutPrefix(s, "["); ok {
		return strings.TrimSuffix(inner, "]"), ""
	}
	if strings.Contains(s, ":") {
		return "", "" // an IPv6 address without brackets, or an empty port
	}
	return s, ""
}

func isScheme(s string) bool {
	return s != "" && isLetter(s[0]) && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}
