package config

import (
	"fmt"
	"slices"
	"strings"
)

// object is a mapping whose keys are known.
type object struct {
	value
	keys   []string
	fields map[string]value
	meant  map[string]bool // keys that are misspelled
}

// field returns the value of a key, the zero value if the file does not have it.
func (o object) field(key string) value {
	if !slices.Contains(o.keys, key) {
		panic("config: key " + key + " is in no table")
	}
	return o.fields[key]
}

// object reads a mapping and reports keys that are not in the list. place says
// where the keys stand: "in a route".
func (l *loader) object(v value, place string, keys []string) (object, bool) {
	o := object{value: v, keys: keys, fields: make(map[string]value), meant: make(map[string]bool)}
	if !v.given() || !l.want(v, "!!map") {
		return o, false
	}
	for _, p := range l.pairs(v) {
		if !slices.Contains(keys, p.key.text) {
			near, hint := meant(p.key, keys)
			o.meant[near] = true
			l.errorf(p.key.Position, "unknown key %s %s%s", p.key, place, hint)
			continue
		}
		o.fields[p.key.text] = p.value
	}
	return o, true
}

// required returns a field that must be there.
func (l *loader) required(o object, key, place string) value {
	v := o.field(key)
	if !v.given() && o.given() && !o.meant[key] {
		l.errorf(o.Position, "%s is missing %s", key, place)
	}
	return v
}

// foreign are the words of nginx, HAProxy, Traefik and Caddy for keys of ours.
var foreign = map[string][]string{
	"location": {"path"}, "prefix": {"path"}, "match": {"path"}, "uri": {"path"},
	"proxy_pass": {"upstream"}, "backend": {"upstream", "upstreams"}, "backends": {"upstreams"}, "service": {"upstream"},
	"services": {"upstreams"}, "target": {"upstream", "url"}, "to": {"upstream"},
	"server": {"endpoints"}, "servers": {"endpoints"}, "address": {"url"}, "addresses": {"endpoints"}, "targets": {"endpoints"},
	"rule": {"path"}, "path_prefix": {"path"}, "path_regex": {"path"}, "path_beg": {"path"},
	"handle_path": {"strip_prefix"}, "rewrite": {"replace_prefix"}, "prefix_rewrite": {"replace_prefix"},
	"server_name": {"host"}, "domain": {"host"}, "hostname": {"host"}, "bind": {"listen"}, "port": {"listen"},
	"health": {"check"}, "health_check": {"check"}, "sticky": {"affinity"}, "proxy_read_timeout": {"idle_timeout"},
	"forward": {"jwt"}, // which a service may sign
	"gzip":    {"encode"}, "encoding": {"encode"}, "compression": {"encode"},
}

// meant returns which of keys the unknown one probably stands for, and the end
// of the error that says so.
func meant(key word, keys []string) (near, hint string) {
	if name, value, ok := strings.Cut(key.text, ":"); ok && slices.Contains(keys, name) {
		return name, `: a space belongs behind the colon` + key.instead(name+": "+value)
	}
	if near = Nearest(key.text, keys); near != "" {
		return near, didYouMean(near)
	}
	for _, near := range foreign[strings.ToLower(key.text)] {
		if slices.Contains(keys, near) {
			return near, didYouMean(near)
		}
	}
	switch {
	case strings.HasPrefix(key.text, "/") && slices.Contains(keys, "path"):
		return "path", key.instead("path: " + key.text)
	case key.text == "routes" && slices.Contains(keys, "path"):
		return "", ": a route has none below it: write each with its whole path"
	}
	return "", ""
}

func didYouMean(name string) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %q?", name)
}

// enumerate returns "a, b or c", each quoted.
func enumerate(names []string) string { return list(names, "or") }

// list returns the names, each quoted, with a word before the last.
func list(names []string, word string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = fmt.Sprintf("%q", n)
	}
	last := len(quoted) - 1
	if last < 1 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:last], ", ") + " " + word + " " + quoted[last]
}
