package config

import (
	"maps"
	"slices"
	"strings"
)

var routeKeys = slices.Concat([]string{
	"host", "path", "exact", "upgrade", "upstream", "namespaces", "redirect", "code", "respond", "socketio", "compress", "strip_prefix", "replace_prefix", "slash", "origins", "headers", "relay", "limits", "response_headers", "error_pages", "auth", "encode",
}, accessKeys, limitKeys)

// inherited is what routes have from the top level, unless they say otherwise.
type inherited struct {
	limits Limits
	access Access
	auth   *Auth
	quota  Quota

	answers AnswerHeaders
	pages   ErrorPages
}

func (l *loader) routes(o object, from inherited, upstreams []*Upstream) []*Route {
	known := make(map[string]*Upstream, len(upstreams))
	for _, u := range upstreams {
		known[u.Name] = u
	}
	var list []*Route
	for _, item := range l.items(l.required(o, "routes", "at the top level"), "a route") {
		if o, ok := l.object(item, "in a route", routeKeys); ok {
			list = append(list, l.forHosts(o, l.route(o, from, known))...)
		}
	}
	return list
}

func (l *loader) route(o object, from inherited, upstreams map[string]*Upstream) *Route {
	r := &Route{Position: o.used, Path: "/", Relay: Frames}
	if v := o.field("path"); v.given() {
		r.Path = l.path(v)
	}
	l.bool(o.field("exact"), &r.Exact)
	choice(l, o.field("upgrade"), &r.Upgrade, OnlyWebSocket, NoUpgrade)
	r.StripPrefix = l.strip(o.field("strip_prefix"), r.Path)
	if v := o.field("replace_prefix"); v.given() {
		r.ReplacePrefix = l.path(v)
	}
	l.slash(o, r)
	r.Origins = l.origins(o.field("origins"))
	r.Headers = l.headers(o.field("headers"))
	choice(l, o.field("relay"), &r.Relay, Frames, Messages)
	r.Limits = l.limits(o, from.limits)
	r.Access = l.access(o, from.access)
	r.Auth = l.auth(o.field("auth"), from.auth)
	r.Answers = l.answerHeaders(o.field("response_headers"), from.answers)
	r.ErrorPages = l.errorPages(o.field("error_pages"), from.pages)
	r.Quota = l.quota(o.field("limits"), from.quota, true)
	l.encode(o, r)
	l.unledCode(o)
	switch {
	case o.field("redirect").given(), o.field("respond").given():
		l.own(o, r)
	case o.field("namespaces").given():
		l.split(o, r, upstreams)
	default:
		r.Upstream = l.whole(o, upstreams)
	}
	return r
}

// forHosts returns r for each of its hosts: a list of them is as many routes,
// so that a reload which adds one touches no session of the others.
func (l *loader) forHosts(o object, r *Route) []*Route {
	v := o.field("host")
	if !v.given() {
		l.claim(o, r, v)
		return []*Route{r}
	}
	var list []*Route
	first := make(map[string]Position)
	for _, item := range l.oneOrMore(v, "host") {
		one := *r
		one.Host = l.host(item)
		if at, ok := first[one.Host]; ok && one.Host != "" {
			l.errorf(item.Position, "host %q stands here a second time: the first is at %s", item.node.Value, l.where(at))
			continue
		}
		first[one.Host] = item.Position
		l.claim(o, &one, item)
		list = append(list, &one)
	}
	return list
}

func (l *loader) target(v value, upstreams map[string]*Upstream) *Upstream {
	w, ok := l.text(v)
	if !ok {
		return nil
	}
	u := upstreams[w.text]
	switch {
	case u != nil || len(upstreams) == 0: // if there are none, that is reported already
	case !w.secret && strings.Contains(w.text, ":"):
		l.errorf(w.Position, "a route names its upstream: define it in upstreams and write its name here")
	default:
		l.errorf(w.Position, "upstream %s is not defined%s", w, w.didYouMean(upstreams))
	}
	return u
}

func (w word) didYouMean(upstreams map[string]*Upstream) string {
	if w.secret {
		return ""
	}
	names := slices.Sorted(maps.Keys(upstreams))
	return didYouMean(Nearest(w.text, names))
}

// path reads a route's path; "" if it is wrong.
func (l *loader) path(v value) string {
	w, ok := l.text(v)
	if !ok {
		return ""
	}
	normal, err := NormalPath(w.text)
	trimmed := trimSlash(normal)
	loose := trimmed
	if err == nil {
		loose, err = LoosePath(trimmed)
	}
	foreign := w.foreignPath()
	switch {
	case strings.Contains(w.text, "://"):
		l.errorf(w.Position, "%s %s is a URL: its host goes into host, and the rest here", w.name, w)
	case foreign != "":
		l.errorf(w.Position, "%s %s%s", w.name, w, foreign)
	case !strings.HasPrefix(w.text, "/"):
		l.errorf(w.Position, "%s %s does not begin with a slash%s", w.name, w, w.instead("/"+w.text))
	case strings.ContainsAny(w.text, "?#"):
		l.errorf(w.Position, "%s %s has more than a path%s", w.name, w, w.instead(w.text[:strings.IndexAny(w.text, "?#")]))
	case err != nil:
		l.errorf(w.Position, "%s %s has no safe form: %v", w.name, w, err)
	case strings.Contains(normal, ";"), strings.Contains(normal, "%3B"):
		l.errorf(w.Position, `%s %s must not hold a ";": some servers cut a path there`, w.name, w)
	case loose != trimmed:
		l.errorf(w.Position, "%s %s is not in normal form%s", w.name, w, w.instead(loose))
	case trimmed != trimSlash(w.text):
		l.errorf(w.Position, "%s %s is not in normal form%s", w.name, w, w.instead(trimmed))
	default:
		return trimmed
	}
	return ""
}

func trimSlash(p string) string {
	if p == "/" {
		return p
	}
	return strings.TrimSuffix(p, "/")
}
