package demux

import (
	"cmp"
	"slices"
	"strings"
	"sync"
)

// rules finds the service of a namespace.
type rules struct {
	// static after construction
	exact    map[string]decision
	patterns []Rule // prefixes, the longest first, then expressions

	// guarded by mu
	mu    sync.RWMutex
	known map[string]decision // names that matched a pattern
}

// decision is what the rules say of a name. Sessions keep the name itself, so
// that there is one copy of it.
type decision struct {
	name    string
	service int
}

// maxKnown bounds the names that are remembered: they come from clients.
const maxKnown = 4096

func newRules(all []Rule) *rules {
	r := &rules{exact: make(map[string]decision), known: make(map[string]decision)}
	for _, rule := range all {
		_, isPrefix := rule.prefix()
		if rule.Expr != nil || isPrefix {
			r.patterns = append(r.patterns, rule)
			continue
		}
		if _, taken := r.exact[rule.Pattern]; !taken {
			r.exact[rule.Pattern] = decision{rule.Pattern, rule.Service}
		}
	}
	slices.SortStableFunc(r.patterns, func(a, b Rule) int {
		return -cmp.Compare(a.rank(), b.rank())
	})
	return r
}

// prefix returns what names must begin with, if the rule is of that kind.
func (r *Rule) prefix() (string, bool) {
	if r.Expr != nil || !strings.HasSuffix(r.Pattern, "/*") {
		return "", false
	}
	return strings.TrimSuffix(r.Pattern, "*"), true
}

// rank puts longer prefixes before shorter ones, and expressions last.
func (r *Rule) rank() int {
	p, _ := r.prefix()
	return len(p)
}

func (r *Rule) match(name string) bool {
	if p, ok := r.prefix(); ok {
		return len(name) > len(p) && strings.HasPrefix(name, p)
	}
	return r.Expr.MatchString(name)
}

// find decides on a name.
func (r *rules) find(name []byte) (decision, bool) {
	if d, ok := r.exact[string(name)]; ok {
		return d, true
	}
	if len(r.patterns) == 0 {
		return decision{}, false
	}
	r.mu.RLock()
	d, ok := r.known[string(name)]
	r.mu.RUnlock()
	if ok {
		return d, true
	}
	return r.match(string(name))
}

// match tries the patterns, and remembers a name that fits one. What fits none
// is not worth it: it leads to a refusal.
func (r *rules) match(name string) (decision, bool) {
	for i := range r.patterns {
		rule := &r.patterns[i]
		if !rule.match(name) {
			continue
		}
		d := decision{name, rule.Service}
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.known) >= maxKnown {
			clear(r.known)
		}
		r.known[name] = d
		return d, true
	}
	return decision{}, false
}
