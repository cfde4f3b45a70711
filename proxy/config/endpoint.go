package config

import (
	"cmp"
	"net"
	"path"
	"slices"
	"strings"
)

// maxUnixPath is what fits into a socket address everywhere; Linux has 108
// bytes with the NUL at the end, others 104.
const maxUnixPath = 103

// endpoint reads http://HOST:PORT, https://HOST:PORT or unix:/PATH.
func (l *loader) endpoint(w word) (Endpoint, bool) {
	e := Endpoint{Position: w.Position}
	if several := w.endpoints(); len(several) > 1 {
		l.errorf(w.Position, "endpoint %s is more than one: write [%s]", w, strings.Join(several, ", "))
		return e, false
	}
	scheme, rest, ok := strings.Cut(w.text, ":")
	switch e.Scheme = Scheme(strings.ToLower(scheme)); {
	case ok && strings.HasPrefix(rest, "//") && strings.Contains(rest, "@"): // in front of it may be a password
		l.errorf(w.Position, "an endpoint has no user name and password: use headers.set with Authorization")
	case ok && e.Scheme == Unix:
		e.Address, ok = l.socketPath(w, "endpoint", rest)
		return e, ok
	case ok && (e.Scheme == HTTP || e.Scheme == HTTPS) && strings.HasPrefix(rest, "//"):
		e.Address, ok = l.authority(w, e.Scheme, rest[2:])
		return e, ok
	case ok && (e.Scheme == "ws" || e.Scheme == "wss") && strings.HasPrefix(rest, "//"):
		l.errorf(w.Position, "an endpoint takes WebSocket and HTTP alike%s", w.instead("http"+strings.TrimSuffix(w.text[2:], "/")))
	case isPort(w.text, 1):
		l.errorf(w.Position, "endpoint %s has no scheme and no host%s", w, w.instead("http://127.0.0.1:"+w.text))
	case isAuthority(w.text):
		l.errorf(w.Position, "endpoint %s has no scheme%s", w, w.instead("http://"+w.text))
	default:
		l.errorf(w.Position, "an endpoint must be http://HOST:PORT, https://HOST:PORT or unix:/PATH")
	}
	return e, false
}

// endpoints returns those that w holds in the notation of other programs' lists.
// What may be a secret or a password is not taken apart, for it would be shown.
func (w word) endpoints() []string {
	if w.secret || strings.Contains(w.text, "@") {
		return nil
	}
	list := strings.FieldsFunc(w.text, func(c rune) bool { return c == ' ' || c == ',' || c == ';' || c == '|' })
	for _, one := range list {
		switch scheme, _, ok := strings.Cut(one, ":"); {
		case !ok, !slices.Contains([]string{"http", "https", "unix", "ws", "wss"}, strings.ToLower(scheme)):
			return nil
		}
	}
	return list
}

// socketPath reads the path of a unix socket; what is whose it is.
func (l *loader) socketPath(w word, what, name string) (string, bool) {
	// "unix:///run/x.sock" is the same as "unix:/run/x.sock".
	name = strings.TrimPrefix(name, "//")
	switch {
	case !strings.HasPrefix(name, "/") || name == "/":
		l.errorf(w.Position, `%s %s must name its socket by an absolute path, such as "unix:/run/main.sock"`, what, w)
	case strings.ContainsAny(name, "\x00\n"):
		l.errorf(w.Position, "%s %s holds a control character", what, w)
	case len(path.Clean(name)) > maxUnixPath:
		l.errorf(w.Position, "%s %s is too long: the path of a socket has at most %d bytes", what, w, maxUnixPath)
	default:
		return path.Clean(name), true
	}
	return "", false
}

// authority returns host:port.
func (l *loader) authority(w word, scheme Scheme, s string) (string, bool) {
	s = strings.TrimSuffix(s, "/")
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		part := map[byte]string{'/': "path", '?': "query", '#': "fragment"}[s[i]]
		l.errorf(w.Position, "endpoint %s has a %s, but the route decides about that%s%s", w, part, w.instead(string(scheme)+"://"+s[:i]), w.asPrefix(s[i:]))
		return "", false
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), map[Scheme]string{HTTP: "80", HTTPS: "443"}[scheme]
	}
	address := net.JoinHostPort(host, port)
	if !isHost(host) || !isPort(port, 1) || (s != address && s+":"+port != address) {
		l.errorf(w.Position, "endpoint %s must name HOST or HOST:PORT behind %s://", w, scheme)
		return "", false
	}
	return strings.ToLower(address), true
}

// asPrefix says how a route has the path that an endpoint was meant to have.
func (w word) asPrefix(rest string) string {
	path, err := NormalPath(rest[:cmp.Or(strings.IndexAny(rest, "?#")+1, len(rest)+1)-1])
	if rest[0] != '/' || err != nil || path == "/" || w.secret || withoutSecrets(path) != path {
		return ""
	}
	return ", and on the route replace_prefix: " + trimSlash(path)
}

func isAuthority(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && isHost(host) && isPort(port, 1)
}
