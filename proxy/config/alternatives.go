package config

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

// maxAlternatives is how many paths are worth an enumeration.
const maxAlternatives = 16

// alternatives returns the paths which, as prefixes, take what a regular
// expression for paths does, or nil if there are none. exact tells that nothing
// below them is meant.
func alternatives(expression string) (paths []string, exact bool) {
	// An expression for socket.io means that name.
	expression = dot.ReplaceAllString(expression, `$1\.$2`)
	r, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		return nil, false
	}
	branches := expand([]branch{{}}, r)
	if len(branches) > 2*maxAlternatives {
		return nil, false // and not gone through to their ends
	}
	exact = true
	for _, b := range branches {
		p, ok := b.path()
		if !ok {
			return nil, false
		}
		exact = exact && b.end && !b.open
		if !slices.Contains(paths, p) {
			paths = append(paths, p)
		}
	}
	if len(paths) > maxAlternatives || len(paths) > 1 && slices.Contains(paths, "/") {
		return nil, false
	}
	return paths, exact
}

var dot = regexp.MustCompile(`([A-Za-z0-9_-])\.([A-Za-z0-9])`)

// branch is one way through an expression.
type branch struct {
	text   string
	open   bool // what follows varies
	any    bool // and may be anything
	inside bool // and something fixed stands behind it
	end    bool // nothing else may follow
}

// expand goes on through r from each branch.
func expand(list []branch, r *syntax.Regexp) []branch {
	if len(list) > 2*maxAlternatives {
		return list
	}
	switch r.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine:
		return list
	case syntax.OpEndText, syntax.OpEndLine:
		return each(list, func(b *branch) { b.end = true })
	case syntax.OpLiteral:
		return each(list, func(b *branch) { b.literal(string(r.Rune)) })
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range r.Sub {
			list = expand(list, sub)
		}
		return list
	case syntax.OpAlternate:
		var all []branch
		for _, sub := range r.Sub {
			all = append(all, expand(list, sub)...)
		}
		return all
	case syntax.OpQuest:
		return append(slices.Clone(list), expand(list, r.Sub[0])...)
	case syntax.OpCharClass:
		return expandClass(list, r)
	case syntax.OpStar, syntax.OpPlus:
		anything := r.Sub[0].Op == syntax.OpAnyChar || r.Sub[0].Op == syntax.OpAnyCharNotNL
		return each(list, func(b *branch) { b.any = b.any || anything && !b.open; b.open = true })
	default:
		return each(list, func(b *branch) { b.open = true })
	}
}

// expandClass writes a small class out, into which the parser turns (a|b).
func expandClass(list []branch, r *syntax.Regexp) []branch {
	var all []branch
	for i := 0; i+1 < len(r.Rune); i += 2 {
		if r.Rune[i+1]-r.Rune[i] > 4 || len(all) > maxAlternatives {
			return each(list, func(b *branch) { b.open = true })
		}
		for c := r.Rune[i]; c <= r.Rune[i+1]; c++ {
			all = append(all, each(list, func(b *branch) { b.literal(string(c)) })...)
		}
	}
	return all
}

func each(list []branch, change func(b *branch)) []branch {
	list = slices.Clone(list)
	for i := range list {
		change(&list[i])
	}
	return list
}

func (b *branch) literal(text string) {
	if !b.open {
		b.text += text
	} else if strings.Trim(text, "/") != "" {
		b.inside = true
	}
}

// path returns the path that takes what b does, and what lies below.
func (b branch) path() (string, bool) {
	p := trimSlash(b.text)
	everything := b.open && b.any || !b.open
	switch {
	case b.inside, b.open && !b.any && !strings.HasSuffix(b.text, "/"):
		return "", false // it ends within a segment
	case p == "" && b.open && b.any:
		return "/", true
	case p == "/" && !everything:
		return "", false
	}
	return p, isPlainPath(p)
}
