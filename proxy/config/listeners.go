package config

import (
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

var listenerKeys = []string{"address", "mode", "tls", "redirect", "proxy_protocol", "client_ca"}

// listeners reads one listener or a list of them. redirect says whether plain
// ones lead to https if they do not say so themselves.
func (l *loader) listeners(v value, fallback []Listener, redirect bool) []Listener {
	if !v.given() {
		return fallback
	}
	var list []Listener
	firsts := make(map[string]Position)
	for _, item := range l.oneOrMore(v, "a listener") {
		one, at := l.listener(item, redirect)
		if first, ok := firsts[one.Address]; ok && one.Address != "" && (one.unix() || !strings.HasSuffix(one.Address, ":0")) {
			l.errorf(at.Position, "address %s stands here a second time: the first is at %s", at, l.where(first))
		}
		firsts[one.Address] = at.Position
		list = append(list, one)
	}
	return list
}

// listener reads one, and the address as it stands in the file.
func (l *loader) listener(v value, redirect bool) (one Listener, at word) {
	one = Listener{Position: v.used}
	o, address := object{}, v
	object := v.node.ShortTag() == "!!map"
	if object {
		o, _ = l.object(v, "in a listener", listenerKeys)
		address = l.required(o, "address", "in this listener")
	}
	at, ok := l.scalar(address)
	if ok {
		one.Address = l.address(at, "listener")
	}
	one.Redirect = redirect && !one.unix()
	if one.unix() {
		one.Mode = defaultMode
	}
	if object {
		l.listenerOptions(o, &one)
	}
	return one, at
}

// listenerOptions reads all but the address.
func (l *loader) listenerOptions(o object, one *Listener) {
	l.bool(o.field("tls"), &one.TLS)
	one.Redirect = one.Redirect && !one.TLS
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
		one.ClientCA, one.ClientCAAt = ca.text, ca.Position
	}
	if mode := o.field("mode"); mode.given() {
		l.mode(mode, &one.Mode)
		if one.Address != "" && !one.unix() {
			l.errorf(mode.Position, "mode is for unix sockets")
		}
	}
	one.ProxyProtocol = l.networks(o.field("proxy_protocol"), "a peer")
}

// address returns w, of what listens, in the form of Listener.Address; "" if it
// has none.
func (l *loader) address(w word, what string) string {
	if name, ok := strings.CutPrefix(w.text, unixPrefix); ok {
		if name, ok = l.socketPath(w, what, name); !ok {
			return ""
		}
		return unixPrefix + name
	}
	if !l.listenAddress(w, what) {
		return ""
	}
	return w.text
}

// unixPrefix stands before the path of a socket.
const unixPrefix = "unix:"

// defaultMode is for the user and the group that usher runs as.
const defaultMode fs.FileMode = 0o660

func (l Listener) unix() bool { return strings.HasPrefix(l.Address, unixPrefix) }

// UnixPath returns the path of a unix socket; ok is false if the listener is
// none.
func (l Listener) UnixPath() (path string, ok bool) { return strings.CutPrefix(l.Address, unixPrefix) }

// Proxies returns the peers of ProxyProtocol as the file has them.
func (l Listener) Proxies() []string {
	list := make([]string, 0, len(l.ProxyProtocol))
	for _, p := range l.ProxyProtocol {
		if p == (netip.Prefix{}) {
			list = append(list, "unix")
		} else {
			list = append(list, p.String())
		}
	}
	return list
}

// mode reads the permissions of a file as chmod has them. Without the zero a
// number would be decimal to other readers of the file.
func (l *loader) mode(v value, m *fs.FileMode) {
	w, ok := l.word(v)
	if !ok {
		return
	}
	digits := strings.TrimPrefix(strings.TrimPrefix(w.text, "0"), "o")
	bits, err := strconv.ParseUint(digits, 8, 9)
	if err != nil || len(digits) != 3 || !strings.HasPrefix(w.text, "0") {
		l.errorf(w.Position, "mode must be an octal number such as 0660, not %s", w)
		return
	}
	*m = fs.FileMode(bits)
}

func (l *loader) listenAddress(w word, what string) bool {
	host, port, err := net.SplitHostPort(w.text)
	if err != nil || !isPort(port, 0) || (host != "" && !isHost(host)) {
		hint := ""
		switch near := nearAddress(w.text); {
		case strings.HasPrefix(near, ":") && what == "admin":
			hint = w.instead("127.0.0.1" + near)
		case near != "":
			hint = w.instead(near)
		}
		l.errorf(w.Position, `%s must be HOST:PORT, such as "127.0.0.1:8080" or ":8080", not %s%s`, w.name, w, hint)
		return false
	}
	return true
}

// nearAddress returns the address that is meant by 8080, *:8080, ::1:8080 or
// http://127.0.0.1:8080, or "".
func nearAddress(s string) string {
	if _, behind, ok := strings.Cut(s, "://"); ok {
		s = strings.TrimSuffix(behind, "/")
	}
	s = strings.TrimPrefix(s, "*")
	i := strings.LastIndexByte(s, ':')
	host, port := s[:max(i, 0)], s[i+1:]
	if !isPort(port, 1) || host != "" && !isHost(host) {
		return ""
	}
	return net.JoinHostPort(host, port)
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

// networks reads a list of peers; name is what errors call one of them. The zero
// Prefix stands for "unix": whoever connects to a unix socket.
func (l *loader) networks(v value, name string) []netip.Prefix {
	var list []netip.Prefix
	for _, item := range l.oneOrMore(v, name) {
		w, ok := l.text(item)
		if !ok {
			continue
		}
		if w.text == "unix" {
			list = append(list, netip.Prefix{})
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
