package nginx

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// note is what a comment of the routes file says about a directive.
type note struct {
	at   *Directive
	lost bool // it was not carried over; else what differs
	why  string
}

// lose tells of what is not carried over, with whatever is in it.
func (im *importer) lose(d *Directive, format string, args ...any) {
	d.tell()
	im.lost[d] = true
	im.note(note{d, true, fmt.Sprintf(format, args...)})
}

// remark tells what is otherwise than with nginx.
func (im *importer) remark(d *Directive, format string, args ...any) {
	d.told = true
	im.note(note{d, false, fmt.Sprintf(format, args...)})
}

// note keeps it for where the directive stands, once.
func (im *importer) note(n note) {
	n.why = clean(n.why)
	owner := n.at
	if owner.Name != "server" && owner.Name != "location" && owner.Name != "upstream" || owner.Block == nil {
		for owner = owner.parent; owner != nil && owner.Name != "server" && owner.Name != "location" && owner.Name != "upstream"; {
			owner = owner.parent
		}
	}
	if !im.seen[n] {
		im.seen[n] = true
		im.notes[owner] = append(im.notes[owner], n)
	}
}

// comments returns the notes of a block, those with the same words together.
func (im *importer) comments(owner *Directive) (lines []string) {
	type kind struct {
		lost bool
		why  string
	}
	var order []kind
	named := make(map[kind][]string)
	for _, n := range im.notes[owner] {
		k := kind{n.lost, n.why}
		if named[k] == nil {
			order = append(order, k)
		}
		named[k] = append(named[k], fmt.Sprintf("%s (%s)", n.at, clean(n.at.place())))
	}
	delete(im.notes, owner)
	for _, k := range order {
		begin := "differs: "
		if k.lost {
			begin = "not carried over: "
		}
		lines = append(lines, begin+strings.Join(named[k], ", ")+": "+k.why)
	}
	return lines
}

// clean makes a text fit for a comment and a terminal.
func clean(s string) string {
	s = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) || c == unicode.ReplacementChar {
			return '?'
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
	const longest = 300
	if r := []rune(s); len(r) > longest {
		s = string(r[:longest]) + "..."
	}
	return s
}

// sweep tells of all that nobody has looked at.
func (im *importer) sweep(list []*Directive) {
	for _, d := range list {
		switch {
		case d.told:
			im.sweep(d.Block)
		case isNeedless(d):
			d.tell()
			if !slices.Contains(im.needless, d.Name) {
				im.needless = append(im.needless, d.Name)
			}
		default:
			im.lose(d, "%s", instead(d.Name))
		}
	}
}
