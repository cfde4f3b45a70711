package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Redirect leads clients elsewhere.
type Redirect struct {
	Code  int      // 301, 302, 303, 307 or 308
	parts []string // of the target: text, and in every second place a name of redirectNames
}

// Target is what a redirect may take from a request.
type Target struct {
	Scheme, Host string
	Path, Query  string // as the client has sent them, the path in normal form
}

// redirectNames are what stands in braces in a redirect.
var redirectNames = []string{"scheme", "host", "path", "query", "uri"}

// get returns what a name stands for.
func (t Target) get(name string) string {
	switch name {
	case "scheme":
		return t.Scheme
	case "host":
		return t.Host
	case "path":
		return t.Path
	case "query":
		return t.Query
	}
	if t.Query == "" {
		return t.Path
	}
	return t.Path + "?" + t.Query
}

// To returns where a request for t is led.
func (r *Redirect) To(t Target) string {
	var b strings.Builder
	for i, part := range r.parts {
		if i%2 == 1 {
			part = t.get(part)
		}
		b.WriteString(part)
	}
	return b.String()
}

// String returns the redirect as it stands in the file.
func (r *Redirect) String() string {
	var b strings.Builder
	for i, part := range r.parts {
		if i%2 == 1 {
			part = "{" + part + "}"
		}
		b.WriteString(part)
	}
	return b.String()
}

// permanentRedirect is the code of a redirect that has none: method and body stay.
const permanentRedirect = 308

// redirect reads where a route leads to, and with which code.
func (l *loader) redirect(o object, r *Route) *Redirect {
	to := &Redirect{Code: permanentRedirect}
	if code := o.field("code"); code.given() {
		n := int64(permanentRedirect)
		l.count(code, positive, 999, &n)
		if to.Code = int(n); !slices.Contains([]int{301, 302, 303, 307, permanentRedirect}, to.Code) {
			l.errorf(code.Position, "code of a redirect must be 301, 302, 303, 307 or 308, not %d", n)
		}
	}
	w, ok := l.text(o.field("redirect"))
	if !ok || !l.redirectParts(w, to) {
		return to
	}
	if why := looksLikeSockets(r); why != "" {
		l.advise(w.Position, "%s: browsers follow no redirect of a WebSocket, they fail: serve the route, or have the page ask elsewhere", why)
	}
	return to
}

// redirectParts takes w apart.
func (l *loader) redirectParts(w word, to *Redirect) bool {
	rest := w.text
	for {
		before, inside, ok := strings.Cut(rest, "{")
		to.parts = append(to.parts, before)
		if !ok {
			break
		}
		name, behind, closed := strings.Cut(inside, "}")
		if !closed || !slices.Contains(redirectNames, name) {
			l.errorf(w.Position, "redirect %s has {%s, which is nothing here: it takes {scheme}, {host}, {path}, {query} and {uri}", w, strings.TrimSuffix(inside, behind))
			return false
		}
		to.parts = append(to.parts, name)
		rest = behind
	}
	example := to.To(Target{Scheme: "https", Host: "a.example.com", Path: "/a", Query: "b=c"})
	u, err := url.Parse(example)
	switch variable, _ := nginxVariable(w.text); {
	case variable != "":
		l.errorf(w.Position, "redirect %s has %s, which is nginx's: it takes {scheme}, {host}, {path}, {query} and {uri}", w, variable)
	case strings.HasPrefix(example, "ws:"), strings.HasPrefix(example, "wss:"):
		l.errorf(w.Position, "redirect %s: no client is led to a WebSocket%s", w, w.instead("http"+strings.TrimPrefix(w.text, "ws")))
	case err != nil, strings.ContainsFunc(example, func(c rune) bool { return c <= ' ' || c > '~' || c == '\\' }),
		!strings.HasPrefix(example, "/") && (u.Scheme != "http" && u.Scheme != "https" || u.Host == ""), strings.HasPrefix(example, "//"), u.User != nil:
		l.errorf(w.Position, `redirect %s must be a URL such as "https://example.com{uri}", or a path`, w)
	default:
		return true
	}
	return false
}

// socketNames are what the last part of a path is called that sockets are at.
var socketNames = []string{"ws", "wss", "websocket", "websockets", "socket", "sockets", "socket.io", "sockjs", "engine.io", "cable", "live"}

// looksLikeSockets says why a route may be one for sockets, "" if it is not.
func looksLikeSockets(r *Route) string {
	last := r.Path[strings.LastIndexByte(r.Path, '/')+1:]
	switch {
	case r.Upgrade == OnlyWebSocket:
		return "upgrade: websocket has only WebSocket come here"
	case slices.Contains(socketNames, last):
		return fmt.Sprintf("%q looks like a path of sockets", r.Path)
	}
	return ""
}
