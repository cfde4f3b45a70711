package config

import "strings"

var upstreamKeys = []string{"endpoints", "balance", "dial_timeout", "send_proxy_protocol", "ca", "server_name", "cert", "key", "insecure_skip_verify", "check", "slow_start", "after", "resolve", "affinity", "hold"}

func (l *loader) upstreams(o object, d defaultValues) []*Upstream {
	v := o.field("upstreams")
	if !l.needNone(o.field("routes")) {
		v = l.required(o, "upstreams", "at the top level")
	}
	pairs := l.pairs(v)
	if v.given() && len(pairs) == 0 && v.node.ShortTag() == "!!map" && len(v.node.Content) == 0 {
		l.errorf(v.Position, "upstreams is empty")
	}
	var list []*Upstream
	after := make(map[*Upstream]value)
	for _, p := range pairs {
		u := &Upstream{Position: p.key.Position, Name: p.key.text, Balance: d.balance, Affinity: d.affinity, Secret: d.secret, DialTimeout: d.dialTimeout, Resolve: d.resolve, Hold: d.hold}
		if !isName(u.Name) {
			l.errorf(u.Position, "upstream name %s must begin with a letter or digit and hold nothing but those, _, - and .", p.key)
		}
		if o, ok := l.upstream(p.value, u, d); ok {
			after[u] = o.field("after")
		}
		list = append(list, u)
	}
	l.after(list, after)
	return list
}

// isName keeps names fit for logs and metric labels.
func isName(s string) bool {
	return len(s) <= 64 && s != "" && strings.Trim(s[:1], "_-.") != "" && strings.Trim(s, hostLetters+".") == ""
}

// upstream reads the short forms, an endpoint or a list of them, and the long
// one into u, but for what is about other upstreams.
func (l *loader) upstream(v value, u *Upstream, d defaultValues) (o object, ok bool) {
	v.name = "upstream " + u.Name
	if v.node.ShortTag() != "!!map" {
		u.Endpoints = l.endpoints(v)
		return o, false
	}
	o, ok = l.object(v, "in an upstream", upstreamKeys)
	if !ok {
		return o, false
	}
	u.Endpoints = l.endpoints(l.required(o, "endpoints", "in "+v.name))
	l.balance(o.field("balance"), u)
	l.affinity(o.field("affinity"), u)
	l.duration(o.field("dial_timeout"), positive, &u.DialTimeout)
	version := ""
	choice(l, o.field("send_proxy_protocol"), &version, "v1", "v2")
	l.upstreamTLS(o, u)
	u.Check = l.check(o.field("check"), d.check)
	l.duration(o.field("slow_start"), orZero, &u.SlowStart)
	l.duration(o.field("resolve"), orZero, &u.Resolve)
	l.duration(o.field("hold"), orZero, &u.Hold)
	u.SendProxyProtocol = map[string]byte{"v1": 1, "v2": 2}[version]
	return o, true
}

func (l *loader) endpoints(v value) []Endpoint {
	type address struct {
		scheme Scheme
		text   string
	}
	var list []Endpoint
	first := make(map[address]Position)
	for _, item := range l.oneOrMore(v, "an endpoint") {
		e, w, ok := l.weighted(item)
		if !ok {
			continue
		}
		key := address{e.Scheme, e.Address}
		if at, ok := first[key]; ok {
			l.errorf(w.Position, "endpoint %s stands here a second time: the first is at %s", w, l.where(at))
			continue
		}
		first[key] = w.Position
		list = append(list, e)
	}
	return list
}
