package config

import "strings"

// Prefixes returns what a request's path begins with that the upstream does not
// see, and what it sees instead. Neither ends with a slash; they are equal if
// the path stays as it is.
func (r *Route) Prefixes() (client, upstream string) {
	client = r.StripPrefix
	if client == "" && r.ReplacePrefix != "" {
		client = r.Path
	}
	return strings.TrimSuffix(client, "/"), strings.TrimSuffix(r.ReplacePrefix, "/")
}

// strip reads strip_prefix for a route with that path.
func (l *loader) strip(v value, path string) string {
	if !v.given() {
		return ""
	}
	prefix := l.path(v)
	switch {
	case prefix == "" || path == "":
		return ""
	case prefix == "/":
		l.errorf(v.Position, "strip_prefix must be more than a slash: there is nothing to take off")
	case path != prefix && !strings.HasPrefix(path, prefix+"/"):
		l.errorf(v.Position, "strip_prefix %q is no prefix of this route's path at a segment boundary", v.node.Value)
	default:
		return prefix
	}
	return ""
}

// slash decides whether the bare prefix leads to the one with a slash: where
// nothing of it is left for the upstream, a page there has its relative links
// one level too high.
func (l *loader) slash(o object, r *Route) {
	v := o.field("slash")
	client, upstream := r.Prefixes()
	r.Slash = client != "" && upstream == "" && client == r.Path &&
		!r.Exact && r.Upgrade != OnlyWebSocket && !o.field("namespaces").given()
	wrong := r.Path == "" || o.field("strip_prefix").given() && r.StripPrefix == "" // and reported
	if v.given() && !r.Slash && !wrong {
		l.errorf(v.used, "slash is for pages on a route whose whole path is its strip_prefix, without exact")
	}
	l.bool(v, &r.Slash)
}
