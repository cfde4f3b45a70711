package headers

import (
	"net/http"
	"strings"

	"usher/proxy/config"
)

// Back maps what an upstream says about its own paths to where clients find
// them, for answers on a route that changes paths. The zero value changes
// nothing.
//
// Where a prefix is replaced, whatever stands below the new one is mapped, even
// if that is "/"; what does not has no place on the route, and stays. Where one is only stripped, every path of the upstream's might be another route's as
// well: as with nginx, only a URL that names the upstream's own address is
// mapped, which no client could follow.
type Back struct {
	client, upstream string   // prefixes, without a slash at the end
	replaced         bool     // the upstream's stands in the file
	own              []string // hosts by which clients know usher
	foreign          []string // hosts by which the upstream knows itself
}

// NewBack returns the Back for answers to a request on r. asked is the Host that
// was asked for, endpoint the address that the request goes to.
func NewBack(r *config.Route, s Sender, asked, endpoint string) Back {
	client, upstream := r.Prefixes()
	if client == upstream {
		return Back{}
	}
	b := Back{client: client, upstream: upstream, replaced: r.ReplacePrefix != "", own: []string{asked, s.Host}, foreign: []string{endpoint}}
	for _, h := range r.Headers.Set {
		if h.Name == "Host" {
			b.foreign = append(b.foreign, h.Value)
		}
	}
	return b
}

// Apply maps the headers of an answer.
func (b Back) Apply(h http.Header) {
	if b.client == b.upstream {
		return
	}
	for _, name := range []string{"Location", "Refresh", "Set-Cookie"} {
		for i, value := range h[name] {
			h[name][i] = b.Value(name, value)
		}
	}
}

// Value maps the value of one header, whose name is canonical.
func (b Back) Value(name, value string) string {
	switch {
	case b.client == b.upstream:
	case name == "Location":
		return b.reference(value)
	case name == "Refresh":
		return b.refresh(value)
	case name == "Set-Cookie" && b.replaced:
		return b.cookie(value)
	}
	return value
}

// reference maps a URL or a path that begins with a slash (RFC 3986, 4.1).
func (b Back) reference(ref string) string {
	scheme, rest, ok := strings.Cut(ref, "//")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "" && scheme != "http:" && scheme != "https:" {
		if !strings.HasPrefix(ref, "/") || !b.replaced {
			return ref
		}
		path, more := cutAny(ref, "?#")
		if mapped, ok := b.path(path); ok {
			return mapped + more
		}
		return ref
	}
	host, rest := cutAny(rest, "/?#")
	path, more := cutAny(rest, "?#")
	mapped, below := b.path(path)
	switch {
	case !below:
	case isOneOf(b.own, scheme, host) && b.replaced:
		return ref[:len(ref)-len(rest)] + mapped + more
	case isOneOf(b.own, scheme, host):
	case isOneOf(b.foreign, scheme, host):
		return mapped + more // of the host that was asked, by the same scheme
	}
	return ref
}

// path maps an escaped path that is below the upstream's prefix, in normal form:
// a doubled slash behind the prefix would become another host's name.
func (b Back) path(p string) (mapped string, below bool) {
	normal, err := config.NormalPath(p)
	rest, below := strings.CutPrefix(normal, b.upstream)
	if err != nil || !below || rest != "" && rest[0] != '/' {
		return "", false
	}
	if mapped = b.client + rest; mapped == "" {
		mapped = "/"
	}
	return mapped, true
}

// refresh maps the URL in a value such as "5; url=/x".
func (b Back) refresh(value string) string {
	at := strings.IndexAny(value, ";,")
	if at < 0 {
		return value
	}
	name, rest, ok := strings.Cut(value[at+1:], "=")
	if !ok || !strings.EqualFold(strings.TrimSpace(name), "url") {
		return value
	}
	ref := strings.Trim(rest, " \t\"'")
	before, behind, _ := strings.Cut(rest, ref)
	return value[:len(value)-len(rest)] + before + b.reference(ref) + behind
}

// cookie maps the Path of a cookie (RFC 6265, 4.1.1). One for all of the upstream
// is for the bare prefix as well, which no path with a slash at its end takes.
func (b Back) cookie(value string) string {
	parts := strings.Split(value, ";")
	for i, part := range parts[1:] {
		name, path, ok := strings.Cut(part, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(name), "path") {
			continue
		}
		path = strings.TrimSpace(path)
		if mapped, ok := b.path(path); ok && path != "" {
			if path == "/" {
				mapped = b.client
			}
			parts[1+i] = name + "=" + mapped
		}
	}
	return strings.Join(parts, ";")
}

// isOneOf compares hosts without the scheme's default port.
func isOneOf(hosts []string, scheme, host string) bool {
	port := map[string]string{"http:": ":80", "https:": ":443"}[scheme]
	for _, one := range hosts {
		if host != "" && strings.EqualFold(strings.TrimSuffix(one, port), strings.TrimSuffix(host, port)) {
			return true
		}
	}
	return false
}

// cutAny cuts s before the first of the characters.
func cutAny(s, characters string) (before, from string) {
	if i := strings.IndexAny(s, characters); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
