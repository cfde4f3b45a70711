package config

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// Namespace gives Socket.IO namespaces to an upstream: one by its name, all
// below a name ("/tenant/*"), or those that a regular expression takes
// ("~^/room-\d+$").
type Namespace struct {
	Position
	Text     string         // as it stands in the file
	Upstream *Upstream      //
	Exact    string         // the one name; "" if it is another kind
	Prefix   string         // ends with a slash; takes every longer name; "" if it is another kind
	Regexp   *regexp.Regexp // nil if it is another kind
}

// Takes reports whether the rule takes the namespace of that name. Of a route's
// rules the first that does so counts.
func (n *Namespace) Takes(name string) bool {
	switch {
	case n.Regexp != nil:
		return n.Regexp.MatchString(name)
	case n.Prefix != "":
		return len(name) > len(n.Prefix) && strings.HasPrefix(name, n.Prefix)
	}
	return n.Exact == name
}

// rank orders kinds: names, then what lies below names, then expressions.
func (n *Namespace) rank() int {
	switch {
	case n.Regexp != nil:
		return 2
	case n.Prefix != "":
		return 1
	}
	return 0
}

// namespaces reads the rules of a route into the order in which they are asked:
// names, then the longest prefix first, then expressions as they stand.
func (l *loader) namespaces(v value, upstreams map[string]*Upstream) []*Namespace {
	pairs := l.pairs(v)
	if v.given() && v.node.ShortTag() == "!!map" && len(v.node.Content) == 0 {
		l.errorf(v.Position, "namespaces is empty")
	}
	var list []*Namespace
	for _, p := range pairs {
		n := &Namespace{Position: p.key.Position, Text: p.key.text}
		ok := l.pattern(p.key, n)
		p.value.name = "namespace " + p.key.text
		n.Upstream = l.target(p.value, upstreams)
		if ok {
			list = append(list, n)
		}
	}
	slices.SortStableFunc(list, func(a, b *Namespace) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(len(b.Prefix), len(a.Prefix)))
	})
	l.unreachable(list)
	return list
}

// maxNamespace is the longest name of a namespace that a client may ask for.
const maxNamespace = 256

// pattern reads the key of a rule into n.
func (l *loader) pattern(w word, n *Namespace) bool {
	expression, isRegexp := strings.CutPrefix(w.text, "~")
	below, isPrefix := strings.CutSuffix(w.text, "*")
	switch {
	case isRegexp:
		return l.expression(w, expression, n)
	case !strings.HasPrefix(w.text, "/"):
		l.errorf(w.Position, "namespace %s does not begin with a slash%s", w, w.instead("/"+w.text))
	case len(w.text) > maxNamespace:
		l.errorf(w.Position, "namespace %s is longer than %d bytes", w, maxNamespace)
	case strings.ContainsAny(w.text, ",?"):
		l.errorf(w.Position, `namespace %s must not hold a comma or a question mark: Socket.IO ends the name there`, w)
	case strings.IndexFunc(w.text, isControl) >= 0:
		l.errorf(w.Position, "namespace %s must not hold a control character", w)
	case isPrefix && strings.HasSuffix(below, "/") && !strings.Contains(below, "*"):
		n.Prefix = below
		return true
	case strings.Contains(w.text, "*"):
		guess := "~^" + strings.ReplaceAll(regexp.QuoteMeta(w.text), `\*`, ".*") + "$"
		l.errorf(w.Position, `namespace %s has a "*" that is not behind its last slash%s`, w, w.instead(guess))
	default:
		n.Exact = w.text
		return true
	}
	return false
}

func isControl(c rune) bool { return c < ' ' || c == 0x7f }

func (l *loader) expression(w word, text string, n *Namespace) bool {
	r, err := regexp.Compile(text)
	if err != nil {
		l.errorf(w.Position, "namespace %s: %s (a regular expression as in Go and RE2)", w, problemOfRegexp(err))
		return false
	}
	n.Regexp = r
	return true
}

func problemOfRegexp(err error) string {
	return strings.TrimPrefix(err.Error(), "error parsing regexp: ")
}
