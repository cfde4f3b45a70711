package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"usher/proxy/http1"
)

// Auth says who may come in: exactly one of its kinds.
type Auth struct {
	Position
	Forward *ForwardAuth
	JWT     *JWTAuth
	Basic   *BasicAuth
}

// ForwardAuth asks a service about each request.
type ForwardAuth struct {
	URL     string        // http, https, or "unix:" with a path, and behind another colon that of the request
	Headers []string      // canonical names: of its 2xx answer, for the upstream
	Timeout time.Duration // for the answer's head
	Recheck time.Duration // how often it is asked again about open sessions; 0 for never
	Expiry  Expiry
}

// BasicAuth asks for a name and a password (RFC 7617).
type BasicAuth struct {
	Users string   // an htpasswd file with bcrypt; relative to the folder of the routes file
	At    Position // where it stands
	Realm string   // without quotes and control characters
}

// Expiry is what becomes of sessions when what let them in ends.
type Expiry struct {
	Keep bool   // nothing
	Code uint16 // of their Close frames
}

// Kind names the one that a has, "" for nil.
func (a *Auth) Kind() string {
	switch {
	case a == nil:
		return ""
	case a.Forward != nil:
		return "forward"
	case a.JWT != nil:
		return "jwt"
	}
	return "basic"
}

// Gives returns the canonical names of the headers by which upstreams are told who
// has come in.
func (a *Auth) Gives() (names []string) {
	switch {
	case a == nil:
	case a.Forward != nil:
		names = a.Forward.Headers
	case a.JWT != nil:
		for _, c := range a.JWT.Claims {
			names = append(names, c.Header)
		}
	}
	return names
}

// Auths returns those of routes, of their namespaces and of operators; nil and
// repetitions among them.
func (c *Config) Auths() (all []*Auth) {
	for _, r := range c.Routes {
		all = append(all, r.Auth)
		if r.SocketIO == nil {
			continue
		}
		for _, g := range r.SocketIO.Auth {
			all = append(all, g.Auth)
		}
	}
	for _, way := range c.Admin.Auth {
		all = append(all, way.Auth)
	}
	return all
}

// Given returns the names of all headers that auth gives on some route: nobody
// else's are believed.
func (c *Config) Given() (names []string) {
	for _, r := range c.Routes {
		names = append(names, r.Auth.Gives()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// NamesUser returns the header by whose value alone users of a service are told apart,
// as close_by or sessions_per_user of a route that asks it says; "" if nothing does.
func (c *Config) NamesUser(f *ForwardAuth) string {
	by := slices.Clone(c.Admin.CloseBy)
	for _, r := range c.Routes {
		if r.Auth != nil && r.Auth.Forward == f {
			by = append(by, r.Quota.SessionsPerUser.By)
		}
	}
	for _, name := range by {
		if name != "" && slices.Contains(f.Headers, name) {
			return name
		}
	}
	return ""
}

var (
	authKeys    = []string{"forward", "jwt", "basic"}
	expiryKeys  = []string{"on_expiry", "close_code"}
	basicKeys   = []string{"users", "realm"}
	forwardKeys = append([]string{"url", "headers", "timeout", "recheck"}, expiryKeys...)
)

// auth returns base, or what v sets in place of it.
func (l *loader) auth(v value, base *Auth) *Auth {
	if !v.given() {
		return base
	}
	if v.node.Value == "none" {
		return nil
	}
	o, ok := l.object(v, "in auth", authKeys)
	if !ok {
		return nil
	}
	return l.oneAuth(o, authKeys, ", or none")
}

// oneAuth reads the one of kinds that o has; instead says what else there is.
func (l *loader) oneAuth(o object, kinds []string, instead string) *Auth {
	a := &Auth{Position: o.Position}
	first := ""
	for _, key := range kinds {
		one := o.field(key)
		switch {
		case !one.given():
			continue
		case first != "":
			l.errorf(one.used, "auth is exactly one of %s: %s stands here already", enumerate(kinds), first)
			continue
		}
		switch first = key; key {
		case "forward":
			a.Forward = l.forwardAuth(one)
		case "jwt":
			a.JWT = l.jwtAuth(one, false)
		case "basic":
			a.Basic = l.basicAuth(one)
		}
	}
	if first == "" && len(o.meant) == 0 {
		l.errorf(o.Position, "auth is exactly one of %s%s", enumerate(kinds), instead)
	}
	return a
}

// clients are headers that clients need themselves.
var clients = []string{"Accept", "Accept-Encoding", "Authorization", "Cookie", "Host", "Origin", "Range", "User-Agent"}

// givenHeader is headerName for one that auth gives, and that is taken away from all
// clients.
func (l *loader) givenHeader(w word, first map[string]Position) (string, bool) {
	name, ok := l.headerName(w, first)
	if ok && (slices.Contains(clients, name) || strings.HasPrefix(name, "If-") || strings.HasPrefix(name, "Content-")) {
		l.errorf(w.Position, "header %s cannot be given by auth: it is taken away from clients, who need it", w)
		return "", false
	}
	return name, ok
}

func (l *loader) forwardAuth(v value) *ForwardAuth {
	a := &ForwardAuth{Timeout: 2 * time.Second}
	o, ok := l.object(v, "in forward", forwardKeys)
	if !ok {
		return a
	}
	if w, ok := l.text(l.required(o, "url", "in forward")); ok {
		if a.URL = w.text; !isAuthURL(w.text) {
			l.errorf(w.Position, `url must be a http:// or https:// URL, or "unix:/PATH/TO/SOCKET", with ":/PATH" of the request behind it`)
		}
	}
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(o.field("headers"), "a header") {
		if w, ok := l.text(item); ok {
			if name, ok := l.givenHeader(w, first); ok {
				a.Headers = append(a.Headers, name)
			}
		}
	}
	l.duration(o.field("timeout"), positive, &a.Timeout)
	l.recheck(o.field("recheck"), &a.Recheck)
	a.Expiry = l.expiry(o, "recheck", a.Recheck > 0)
	return a
}

// recheck reads how often a service is asked again. It is asked about each session:
// what is meant in milliseconds would be a flood.
func (l *loader) recheck(v value, d *time.Duration) {
	const least = time.Second
	every := *d
	l.duration(v, orZero, &every)
	if every > 0 && every < least {
		l.errorf(v.Position, "recheck must be %v at least, or 0 for never: about each open session it is a request", least)
		return
	}
	*d = every
}

// isAuthURL tells whether text is a URL that forward may ask: of the web, or of a
// unix socket.
func isAuthURL(text string) bool {
	if rest, ok := strings.CutPrefix(text, "unix:"); ok {
		socket, path, more := strings.Cut(rest, ":")
		return strings.HasPrefix(socket, "/") && (!more || strings.HasPrefix(path, "/") && !strings.ContainsAny(path, "#"))
	}
	return isWebURL(text)
}

// isWebURL tells whether text is the URL of something that usher fetches by HTTP. It
// holds no password.
func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.Fragment == ""
}

const unauthorized = 3000 // a close code that is registered by IANA

// expiry reads what becomes of open sessions, which end as ends says, too, if that is on.
func (l *loader) expiry(o object, ends string, on bool) Expiry {
	e := Expiry{Code: unauthorized}
	does := "close"
	choice(l, o.field("on_expiry"), &does, "close", "keep")
	e.Keep = does == "keep"
	if code := o.field("close_code"); code.given() {
		n := int64(unauthorized)
		l.count(code, 1, 4999, &n)
		if n < 3000 && n != 1008 {
			l.errorf(code.Position, "close_code must be 1008, or from 3000 to 4999: others mean something else (RFC 6455, 7.4)")
		} else if e.Keep && !on {
			l.errorf(code.used, "close_code is never used: sessions are kept, by on_expiry, and there is no %s that ends them", ends)
		}
		e.Code = uint16(n)
	}
	return e
}

func (l *loader) basicAuth(v value) *BasicAuth {
	a := &BasicAuth{Realm: "usher"}
	o, ok := l.object(v, "in basic", basicKeys)
	if !ok {
		return a
	}
	if w, ok := l.text(l.required(o, "users", "in basic")); ok {
		a.Users, a.At = w.text, w.Position
	}
	if w, ok := l.text(o.field("realm")); ok {
		if a.Realm = w.text; strings.ContainsAny(w.text, `"\`) || !http1.IsValue(w.text) {
			l.errorf(w.Position, "realm must not hold quotes, backslashes or control characters")
		}
	}
	return a
}
