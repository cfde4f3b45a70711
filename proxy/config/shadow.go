package config

import (
	"regexp/syntax"
	"strings"
)

// unreachable reports rules that no namespace ever comes to, as an earlier one
// takes them all. Only expressions can be such: names and prefixes stand before
// them, the narrow ones first.
func (l *loader) unreachable(list []*Namespace) {
	for i, n := range list {
		if n.Regexp == nil {
			continue
		}
		for _, earlier := range list[:i] {
			if earlier.covers(n) {
				l.errorf(n.Position, "namespace %q is never asked: %q at %s takes all of its names", n.Text, earlier.Text, l.where(earlier.Position))
				break
			}
		}
	}
}

// covers reports whether n surely takes every name that the expression of other
// does.
func (n *Namespace) covers(other *Namespace) bool {
	begin, whole := beginning(other.Regexp.String())
	switch {
	case n.Regexp != nil:
		return takesAll(n.Regexp.String()) || n.Regexp.String() == other.Regexp.String()
	case whole:
		return n.Takes(begin)
	}
	// A name that is the prefix and no more is not taken.
	return n.Prefix != "" && strings.HasPrefix(begin, n.Prefix) && !other.Regexp.MatchString(n.Prefix)
}

// beginning returns what every name must begin with that an expression takes,
// and whether that is all of the name.
func beginning(expression string) (text string, whole bool) {
	r, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return "", false
	}
	r = r.Simplify()
	if r.Op != syntax.OpConcat || len(r.Sub) < 2 || r.Sub[0].Op != syntax.OpBeginText {
		return "", false
	}
	literal := r.Sub[1]
	if literal.Op != syntax.OpLiteral || literal.Flags&syntax.FoldCase != 0 {
		return "", false
	}
	return string(literal.Rune), len(r.Sub) == 3 && r.Sub[2].Op == syntax.OpEndText
}

// takesAll knows the expressions by which people say "everything".
func takesAll(expression string) bool {
	for _, part := range []string{"^", "/", ".*", ".+", "$"} {
		expression = strings.TrimPrefix(expression, part)
	}
	return expression == ""
}
