package nginx

import (
	"path"
	"regexp/syntax"
	"slices"
	"strings"
)

// pattern is a location with an expression: it takes requests from the locations
// with a prefix.
type pattern struct {
	*Directive
	under  string // the path of the location that it stands in
	begins []string
	guard  guard
}

// pattern keeps a location with an expression. Routes have no expressions: what it
// keeps away must stay away.
func (im *importer) pattern(s *server, in *scope, under, kind, expression string) {
	p := &pattern{Directive: in.Directive, under: under, begins: beginnings(expression, kind == "~*")}
	notes, seen, lost := im.notes, im.seen, im.lost // what is said of it is about the location as a whole
	im.notes, im.seen, im.lost = make(map[*Directive][]note), make(map[note]bool), make(map[*Directive]bool)
	p.guard = im.kept(s, in)
	im.notes, im.seen, im.lost = notes, seen, lost
	if p.guard.none() {
		im.lose(in.Directive, "paths are no expressions here; its requests come to the other locations")
		return
	}
	im.lose(in.Directive, "paths are no expressions here; as it keeps requests away, each route is closed that they could come to")
	s.patterns = append(s.patterns, p)
}

// kept returns what keeps requests away from a location that has no route, with all
// that stands in it.
func (im *importer) kept(s *server, in *scope) guard {
	for _, d := range in.own("return", "internal") {
		if d.Name == "internal" || !strings.HasPrefix(d.arg(0), "2") {
			return guard{closed: true}
		}
	}
	for _, d := range in.own("rewrite") {
		if d.arg(2) == "permanent" || d.arg(2) == "redirect" {
			return guard{closed: true}
		}
	}
	g := im.access(in)
	if im.filters(in) != nil || s.gate != nil {
		g.closed = true
	}
	if to := in.tried(); to != nil {
		g = im.both(g, im.kept(s, in.outer.in(to)), to)
	}
	for _, inner := range in.own("location") {
		g = im.both(g, im.kept(s, in.in(inner)), inner)
	}
	return g
}

// shield closes what the expressions of a server kept away.
func (im *importer) shield(s *server) {
	for _, p := range s.patterns {
		for _, begin := range p.begins {
			switch {
			case within(p.under, begin): // it may be any path there
				im.overlay(s, p, p.under)
			case within(begin, p.under):
				im.overlay(s, p, begin)
				im.carve(s, p, begin)
			}
		}
	}
}

// overlay closes the routes at and below a path that nginx would not take for the
// expression's requests.
func (im *importer) overlay(s *server, p *pattern, begin string) {
	for _, r := range im.routes {
		fixed := r.exact || r.fixed && p.under == "/"
		if r.server == s && !fixed && within(r.path, begin) && !r.guard.same(p.guard) {
			r.close("nginx keeps requests away by %s (%s), and some of this route's may be among them", p.Directive, p.place())
		}
	}
}

// carve closes all paths below one, where a route takes them that lets others come.
func (im *importer) carve(s *server, p *pattern, begin string) {
	if r := im.nearest(s, begin); r != nil && (r.path == begin || r.guard.same(p.guard)) {
		return
	}
	r := &route{server: s, at: p.Directive, from: []*Directive{p.Directive}, hosts: s.hosts(), path: begin}
	r.answers(forbidden)
	im.add(r, p.Directive)
}

// within tells whether a path is another one, or below it.
func within(p, base string) bool {
	return base == "/" || p == base || strings.HasPrefix(p, base+"/")
}

// maxBegins is how many alternatives of an expression are followed.
const maxBegins = 32

// begin is what the paths of an expression begin with.
type begin struct {
	text string
	open bool // more may follow, of any kind
}

// few gives up on a list that is too long.
func few(list []begin) []begin {
	if len(list) > maxBegins {
		return []begin{{open: true}}
	}
	return list
}

// beginnings returns paths, of whole segments, below which all paths are that an
// expression takes: "/" if nothing is known.
func beginnings(expression string, anyCase bool) (paths []string) {
	r, err := syntax.Parse(expression, syntax.Perl)
	if err != nil || anyCase && strings.ContainsFunc(expression, isLetter) {
		return []string{"/"}
	}
	for _, b := range begins([]begin{{}}, r.Simplify()) {
		p, ok := strings.CutPrefix(b.text, "^")
		if whole, ends := strings.CutSuffix(p, "$"); ends {
			p = whole
		} else if b.text == "" || !strings.HasSuffix(p, "/") {
			p = p[:strings.LastIndexByte(p, '/')+1]
		}
		p, err := normal(p)
		if !ok || err != nil || path.Clean(p) != p || !strings.HasPrefix(p, "/") {
			return []string{"/"}
		}
		paths = append(paths, p)
	}
	return paths
}

func isLetter(c rune) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c > 0x7f }

// begins continues each of a list by an expression. Anchors are written into them.
func begins(list []begin, r *syntax.Regexp) (longer []begin) {
	more, ends := "", false
	switch r.Op {
	case syntax.OpBeginText, syntax.OpBeginLine:
		more = "^"
	case syntax.OpEndText, syntax.OpEndLine:
		more, ends = "$", true
	case syntax.OpLiteral:
		if ends = r.Flags&syntax.FoldCase != 0 || strings.ContainsAny(string(r.Rune), "^$"); !ends {
			more = string(r.Rune)
		}
	case syntax.OpEmptyMatch:
	case syntax.OpCapture:
		return begins(list, r.Sub[0])
	case syntax.OpConcat:
		for _, sub := range r.Sub {
			list = begins(list, sub)
		}
		return list
	case syntax.OpAlternate:
		for _, sub := range r.Sub {
			longer = append(longer, begins(list, sub)...)
		}
		return few(longer)
	case syntax.OpQuest:
		return few(slices.Concat(list, begins(list, r.Sub[0])))
	default:
		ends = true
	}
	for _, b := range list {
		if !b.open {
			b = begin{b.text + more, ends}
		}
		longer = append(longer, b)
	}
	return longer
}
