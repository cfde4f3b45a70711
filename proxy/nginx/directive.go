package nginx

import (
	"fmt"
	"slices"
	"strings"
)

// Directive is one statement of a configuration.
type Directive struct {
	File  string // as Read was told
	Line  int    // of its name
	Name  string
	Args  []string
	Block []*Directive // what stands in braces; nil if there are none

	parent *Directive // whose Block has it; nil at the top
	told   bool       // it is carried over, needless, or in a note
}

// arg returns one of the arguments, "" if there are not so many.
func (d *Directive) arg(i int) string {
	if d == nil || i < 0 || i >= len(d.Args) {
		return ""
	}
	return d.Args[i]
}

// place says where it stands.
func (d *Directive) place() string { return fmt.Sprintf("%s:%d", d.File, d.Line) }

// String returns it as far as it may be shown: values may be secrets.
func (d *Directive) String() string {
	shown := d.Args
	switch {
	case d.Name == "location", d.Name == "server_name", d.Name == "listen", d.Name == "include":
	case d.Name == "return" || d.Name == "rewrite" || d.Name == "proxy_pass" || d.Name == "server":
	case len(shown) > 1:
		shown = append(slices.Clone(shown[:1]), "...")
	}
	return clean(strings.Join(append([]string{d.Name}, shown...), " "))
}

// tell marks it, and whatever is in it, as dealt with.
func (d *Directive) tell() {
	d.told = true
	for _, inner := range d.Block {
		inner.tell()
	}
}

// the returns those of a list with one of the names.
func the(list []*Directive, names ...string) (found []*Directive) {
	for _, d := range list {
		if slices.Contains(names, d.Name) {
			found = append(found, d)
		}
	}
	return found
}

// scope is a block with those around it, from which it inherits.
type scope struct {
	*Directive // nil for the file itself
	outer      *scope
	list       []*Directive
	places     map[string][]int // in list, by name; nil until somebody asks
	keeping    []*Directive     // of list, what keeps people away; nil until somebody asks
}

func (s *scope) in(d *Directive) *scope { return &scope{Directive: d, outer: s, list: d.Block} }

// all returns the directives with these names of the nearest block that has any,
// as nginx inherits lists. Those of blocks around it do not count there.
func (s *scope) all(names ...string) (nearest []*Directive) {
	for ; s != nil; s = s.outer {
		found := s.own(names...)
		for _, d := range found {
			d.told = true
		}
		if nearest == nil {
			nearest = found
		}
	}
	return nearest
}

// one returns the directive that counts, nil if there is none.
func (s *scope) one(name string) *Directive {
	if found := s.all(name); len(found) > 0 {
		return found[len(found)-1]
	}
	return nil
}

// own returns those of this block alone.
func (s *scope) own(names ...string) (found []*Directive) {
	if s.places == nil {
		s.places = make(map[string][]int)
		for i, d := range s.list {
			s.places[d.Name] = append(s.places[d.Name], i)
		}
	}
	var at []int
	for _, name := range names {
		at = append(at, s.places[name]...)
	}
	slices.Sort(at)
	for _, i := range at {
		found = append(found, s.list[i])
	}
	return found
}
