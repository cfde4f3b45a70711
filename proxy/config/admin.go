package config

import (
	"net"
	"net/netip"
	"net/textproto"
	"strings"

	"usher/proxy/http1"
)

var adminKeys = append([]string{"address", "token", "auth", "close_by"}, accessKeys...)

// admin reads the operators' address, or the object that it stands in.
func (l *loader) admin(v value) Admin {
	if !v.given() {
		return Admin{}
	}
	a := Admin{Position: v.used}
	o, address := object{}, v
	if v.node.ShortTag() == "!!map" {
		o, _ = l.object(v, "in admin", adminKeys)
		address = l.required(o, "address", "in admin")
		a.Token = l.secret(o.field("token"), "token", leastSecret, unsendable)
		a.Auth = l.adminAuth(o.field("auth"))
		a.CloseBy = l.closeBy(o.field("close_by"))
		a.Access = l.access(o, a.Access)
	}
	if w, ok := l.scalar(address); ok {
		a.Address = l.address(w, "admin")
		if a.Address != "" && !a.Local() && (o.keys == nil || !o.field("token").given() && !o.field("auth").given()) {
			l.errorf(w.Position, "%s can be reached from other machines: it needs a token or auth, or must be a loopback address or a unix socket", w)
		}
	}
	return a
}

// Local tells whether only this machine can reach the address.
func (a Admin) Local() bool {
	if strings.HasPrefix(a.Address, unixPrefix) {
		return true
	}
	host, _, err := net.SplitHostPort(a.Address)
	ip, parse := netip.ParseAddr(host)
	return err == nil && (strings.EqualFold(host, "localhost") || parse == nil && ip.Unmap().IsLoopback())
}

// unsendable is the rule that a token breaks which no header can carry.
func unsendable(token string) string {
	if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "printable ASCII without spaces: it is sent in a header"
	}
	return ""
}

// closeBy reads the headers by whose values sessions can be closed.
func (l *loader) closeBy(v value) []string {
	var list []string
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(v, "a header to close by") {
		w, ok := l.text(item)
		if !ok {
			continue
		}
		name := textproto.CanonicalMIMEHeaderKey(w.text)
		at, twice := first[name]
		switch {
		case !http1.IsToken(w.text):
			l.errorf(w.Position, "header name %s holds a character that no header name may have, or none", w)
		case twice:
			l.errorf(w.Position, "header %s stands here a second time: the first is at %s", w, l.where(at))
		default:
			first[name] = w.Position
			list = append(list, name)
		}
	}
	return list
}
