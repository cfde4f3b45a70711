package config

import (
	"net/textproto"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"usher/proxy/http1"
)

// Balance is how an upstream chooses among its endpoints.
type Balance string

// The ways to choose an endpoint. All heed weights.
const (
	RoundRobin    Balance = "round_robin"
	LeastSessions Balance = "least_sessions"
	Random2       Balance = "random2" // of two drawn at random, that which is used less
	ByHash        Balance = "hash"    // the same for the same client
)

// Hash says by what clients are told apart that come to the same endpoint each
// time.
type Hash struct {
	By   HashBy
	Name string // of the header, cookie or parameter; what the file says of a path

	// Of a path: so many leading segments, or the named group of an expression.
	Segments int
	Regexp   *regexp.Regexp // nil for Segments
}

// HashBy is a part of a request.
type HashBy string

// The parts of a request to hash.
const (
	HashHeader HashBy = "header"
	HashCookie HashBy = "cookie"
	HashQuery  HashBy = "query"
	HashPath   HashBy = "path"
	HashIP     HashBy = "ip" // the client's address
)

var balanceKeys = []string{string(ByHash)}

var hashKeys = []string{string(HashHeader), string(HashCookie), string(HashQuery), string(HashPath), string(HashIP)}

// balance reads a name, or {hash: ...}.
func (l *loader) balance(v value, u *Upstream) {
	if !v.given() || v.node.Kind != yaml.MappingNode {
		choice(l, v, &u.Balance, RoundRobin, LeastSessions, Random2)
		return
	}
	o, ok := l.object(v, "in balance", balanceKeys)
	if !ok {
		return
	}
	u.Balance = ByHash
	if h, ok := l.object(l.required(o, string(ByHash), "in balance"), "in hash", hashKeys); ok {
		u.Hash = l.hash(h)
	}
}

func (l *loader) hash(o object) (h Hash) {
	for _, by := range hashKeys {
		v := o.field(by)
		switch {
		case !v.given():
		case h.By != "":
			l.errorf(v.Position, "hash has %s already: it takes one of %s", h.By, enumerate(hashKeys))
		default:
			h = l.hashBy(HashBy(by), v)
		}
	}
	if h.By == "" && len(o.meant) == 0 {
		l.errorf(o.Position, "hash needs one of %s", enumerate(hashKeys))
	}
	return h
}

func (l *loader) hashBy(by HashBy, v value) Hash {
	if by == HashPath {
		return l.hashPath(v)
	}
	return Hash{By: by, Name: l.hashName(by, v)}
}

// hashPath reads a number of segments, or an expression with a named group.
func (l *loader) hashPath(v value) Hash {
	h := Hash{By: HashPath}
	w, ok := l.word(v)
	expression, isRegexp := strings.CutPrefix(w.text, "~")
	h.Name = w.text
	switch {
	case !ok:
	case isRegexp:
		h.Regexp = l.group(w, expression)
	case isNumber(w.text):
		const most = 64
		n := int64(0)
		l.count(v, positive, most, &n)
		h.Segments = int(n)
	default:
		l.errorf(w.Position, `path must be a number of segments, or an expression such as "~^/app/(?<key>[^/]+)", not %s`, w)
	}
	return h
}

// group compiles an expression with one named group.
func (l *loader) group(w word, expression string) *regexp.Regexp {
	r, err := regexp.Compile(expression)
	if err != nil && w.secret {
		l.errorf(w.Position, "path %s is no regular expression as in Go and RE2", w)
		return nil
	}
	if err != nil {
		l.errorf(w.Position, "path %s: %s (a regular expression as in Go and RE2)", w, problemOfRegexp(err))
		return nil
	}
	named := 0
	for _, name := range r.SubexpNames() {
		if name != "" {
			named++
		}
	}
	if named != 1 {
		l.errorf(w.Position, `path %s must have one named group, such as "(?<key>[^/]+)": what it takes is hashed`, w)
	}
	return r
}

// hashName reads the name of the part to hash; "" for the address.
func (l *loader) hashName(by HashBy, v value) string {
	if by == HashIP {
		yes := true
		if l.bool(v, &yes); !yes {
			l.errorf(v.Position, "ip must be true, or left out")
		}
		return ""
	}
	w, ok := l.text(v)
	switch {
	case !ok || by == HashQuery:
	case !http1.IsToken(w.text):
		l.errorf(w.Position, "%s %s holds a character that no such name may have", by, w)
	case by == HashHeader:
		return textproto.CanonicalMIMEHeaderKey(w.text)
	}
	return w.text
}
