package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// wait is an entry of an upstream's after.
type wait struct {
	word
	on *Upstream
}

// after reads, of each upstream, those which it waits for.
func (l *loader) after(list []*Upstream, fields map[*Upstream]value) {
	known := make(map[string]*Upstream, len(list))
	for _, u := range list {
		known[u.Name] = u
	}
	waits := make(map[*Upstream][]wait)
	for _, u := range list {
		v := fields[u]
		v.name = "after"
		for _, item := range l.oneOrMore(v, "an upstream to wait for") {
			if w, ok := l.waitFor(u, item, known); ok {
				waits[u] = append(waits[u], w)
				u.After = append(u.After, w.on.Name)
			}
		}
	}
	l.circles(list, waits)
}

// waitFor reads one entry of u's after.
func (l *loader) waitFor(u *Upstream, item value, known map[string]*Upstream) (wait, bool) {
	w, ok := l.text(item)
	if !ok {
		return wait{}, false
	}
	on := known[w.text]
	switch {
	case on == nil:
		hint := ""
		if !w.secret {
			hint = didYouMean(Nearest(w.text, slices.Sorted(maps.Keys(known))))
		}
		l.errorf(w.Position, "upstream %s is not defined%s", w, hint)
	case slices.Contains(u.After, on.Name):
		l.errorf(w.Position, "upstream %s stands here a second time", w)
	case on.Check.Kind == "":
		l.errorf(w.Position, "upstream %s has no check, without which usher cannot tell when it is healthy", w)
		return wait{w, on}, true // it may still close a circle
	default:
		return wait{w, on}, true
	}
	return wait{}, false
}

// circles reports upstreams that wait for each other, each circle once.
func (l *loader) circles(list []*Upstream, waits map[*Upstream][]wait) {
	done := make(map[*Upstream]bool)
	var way []wait // from where the walk began to where it is
	var walk func(u *Upstream)
	walk = func(u *Upstream) {
		for _, w := range waits[u] {
			way = append(way, w)
			if i := slices.IndexFunc(way[:len(way)-1], func(before wait) bool { return before.on == w.on }); i >= 0 {
				l.errorf(w.Position, "upstream %s", l.circle(way[i:]))
			} else if !done[w.on] {
				walk(w.on)
			}
			way = way[:len(way)-1]
		}
		done[u] = true
	}
	for _, u := range list {
		if !done[u] {
			way = append(way, wait{on: u})
			walk(u)
			way = way[:0]
		}
	}
}

// circle says who waits for whom; the last of way is the first again.
func (l *loader) circle(way []wait) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q waits for itself", way[0].on.Name)
	for i, w := range way[1:] {
		sep := ","
		if i == 0 {
			sep = ":"
		}
		fmt.Fprintf(&b, "%s %s at %s", sep, w.on.Name, l.where(w.Position))
	}
	return b.String()
}
