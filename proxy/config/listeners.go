package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
)

var listenerKeys = []string{"address", "tls", "redirect", "proxy_protocol", "client_ca"}

// listeners reads one listener or a list of them. redirect says whether plain
// ones lead to https if they do not say so themselves.
func (l *loader) listeners(v value, fallback []Listener, redirect bool) []Listener {
	if !v.given() {
		return fallback
	}
	var list []Listener
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(v, "a listener") {
		one, address := l.listener(item, redirect)
		if w, ok := l.text(address); ok && l.listenAddress(w) {
			one.Address = w.text
			if at, ok := first[w.text]; ok && !strings.HasSuffix(w.text, ":0") {
				l.errorf(w.Position, "address %s stands here a second time: the first is at %s", w, l.where(at))
			}
			first[w.text] = w.Position
		}
		list = append(list, one)
	}
	return list
}

// listener reads all of one but its address, which it returns.
func (l *loader) listener(v value, redirect bool) (one Listener, address value) {
	one = Listener{Position: v.used, Redirect: redirect}
	if v.node.ShortTag() != "!!map" {
		return one, v
	}
	o, _ := l.object(v, "in a listener", listenerKeys)
	l.bool(o.field("tls"), &one.TLS)
	one.Redirect = redirect && !one.TLS
	if to := o.field("redirect"); to.given() {
		l.bool(to, &one.Redirect)
		if one.Redirect && one.TLS {
			l.errorf(to.Position, "redirect is for listeners without tls")
		}
	}
	if ca, ok := l.text(o.field("client_ca")); ok {
		if !one.TLS {
			l.errorf(ca.Position, "client_ca is never used without tls: true")
		}
		one.ClientCA = ca.text
	}
	one.ProxyProtocol = l.networks(o.field("proxy_protocol"), "a peer")
	return one, l.required(o, "address", "in this listener")
}

func (l *loader) listenAddress(w word) bool {
	host, port, err := net.SplitHostPort(w.text)
	if err != nil || !isPort(port, 0) || (host != "" && !isHost(host)) {
		l.errorf(w.Position, `%s must be HOST:PORT, such as "127.0.0.1:8080" or ":8080", not %s`, w.name, w)
		return false
	}
	return true
}

// isPort says whether s is a port number, without leading zeros: two spellings
// of one address would pass for two addresses.
func isPort(s string, least int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && least <= n && n <= 65535 && strconv.Itoa(n) == s
}

// isHost says whether s is an IP address, without brackets, or a name.
func isHost(s string) bool {
	if strings.Contains(s, ":") {
		a, err := netip.ParseAddr(s)
		return err == nil && a.Zone() == ""
	}
	if s == "" || len(s) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || !isLabel(label) {
			return false
		}
	}
	return true
}

func isLabel(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

const (
	maxHost     = 253 // RFC 1035, 2.3.4, as text
	hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
)

// networks reads a list of peers; name is what errors call one of them.
func (l *loader) networks(v value, name string) []netip.Prefix {
	var list []netip.Prefix
	for _, item := range l.oneOrMore(v, name) {
		w, ok := l.text(item)
		if !ok {
			continue
		}
		if a, err := netip.ParseAddr(w.text); err == nil && a.Zone() == "" {
			a = a.Unmap()
			list = append(list, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		switch p, err := netip.ParsePrefix(w.text); {
		case err != nil || p.Addr().Is4In6():
			l.errorf(w.Position, `%s must be an address or a network such as "10.0.0.0/8", not %s`, w.name, w)
		case p != p.Masked():
			l.errorf(w.Position, "network %s has bits behind its length%s", w, w.instead(p.Masked().String()))
		default:
			list = append(list, p)
		}
	}
	return list
}
