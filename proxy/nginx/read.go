package nginx

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Source is where files come from.
type Source struct {
	Prefix string // the folder that relative names begin at

	// Read returns a file, or its first most bytes and one more.
	Read func(name string, most int) ([]byte, error)
	// Glob returns the files that a pattern takes, sorted; none is no error.
	Glob func(pattern string) ([]string, error)
}

// Bounds of a configuration, so that a mistaken file or a circle ends soon.
const (
	maxText  = 4 << 20 // bytes, with each file as often as it is included
	maxDepth = 100     // of blocks
	maxFiles = 1000    // as maxText
	maxWords = 100000  // of all directives
)

// Read returns the directives of a file, with what it includes in their place.
// The error is an *Error, unless the file could not be read at all.
func Read(name string, from Source) ([]*Directive, error) {
	r := &reader{Source: from, left: maxText}
	text, err := r.load(name)
	if err != nil {
		return nil, err
	}
	list, err := r.file(name, text, nil)
	if err != nil {
		return nil, err
	}
	return list, nil
}

type reader struct {
	Source
	left  int // bytes that may still come
	words int // that were read
	files int
	open  []string // the files that are being read, by who includes whom
}

func (r *reader) load(name string) (string, error) {
	text, err := r.Source.Read(name, r.left)
	if err != nil {
		return "", err
	}
	if r.files++; len(text) > r.left || r.files > maxFiles {
		return "", &Error{name, 1, fmt.Sprintf("a configuration of more than %d MiB or %d files is none that is meant", maxText>>20, maxFiles)}
	}
	r.left -= len(text)
	return string(text), nil
}

// file reads one whose text is there already.
func (r *reader) file(name, text string, parent *Directive) ([]*Directive, error) {
	l := &lexer{file: name, text: text, line: 1}
	if i := strings.IndexFunc(text, func(c rune) bool { return c < ' ' && !isSpace(byte(c)) }); i >= 0 {
		return nil, l.errorf(1+strings.Count(text[:i], "\n"), "the byte %#02x stands in no configuration: is this a text file?", text[i])
	}
	r.open = append(r.open, name)
	defer func() { r.open = r.open[:len(r.open)-1] }()
	depth := 0
	for p := parent; p != nil; p = p.parent {
		depth++
	}
	return r.block(l, parent, 0, depth)
}

// block reads directives until the end of the file, or the "}" of the block that
// begins at line.
func (r *reader) block(l *lexer, parent *Directive, line, depth int) (list []*Directive, err error) {
	if depth > maxDepth {
		return nil, l.errorf(l.line, "more than %d blocks stand in each other", maxDepth)
	}
	for {
		t, ok, err := l.next()
		switch {
		case err != nil:
			return nil, err
		case !ok && line > 0:
			return nil, l.errorf(line, `a "{" has no "}"`)
		case !ok:
			return list, nil
		case t.mark == '}' && line > 0:
			return list, nil
		case t.mark != 0:
			return nil, l.errorf(t.line, "unexpected %q", t.mark)
		}
		if r.words++; r.words > maxWords {
			return nil, l.errorf(t.line, "a configuration of more than %d words is none that is meant", maxWords)
		}
		d := &Directive{File: l.file, Line: t.line, Name: t.text, parent: parent}
		if err := r.rest(l, d, depth); err != nil {
			return nil, err
		}
		if d.Name != "include" || d.Block != nil {
			list = append(list, d)
			continue
		}
		included, err := r.include(d)
		if err != nil {
			return nil, err
		}
		list = append(list, included...)
	}
}

// rest reads a directive from behind its name.
func (r *reader) rest(l *lexer, d *Directive, depth int) error {
	for {
		t, ok, err := l.next()
		switch {
		case err != nil:
			return err
		case !ok:
			return l.errorf(d.Line, `directive %q has no ";"`, clean(d.Name))
		case t.mark == ';':
			return nil
		case t.mark == '{' && strings.HasSuffix(d.Name, "_by_lua_block"):
			d.Block = []*Directive{}
			return l.code(t.line)
		case t.mark == '{':
			d.Block, err = r.block(l, d, t.line, depth+1)
			if d.Block == nil {
				d.Block = []*Directive{}
			}
			return err
		case t.mark == '}':
			return l.errorf(t.line, `unexpected "}": directive %q at line %d has no ";"`, clean(d.Name), d.Line)
		case r.words >= maxWords:
			return l.errorf(t.line, "a configuration of more than %d words is none that is meant", maxWords)
		}
		r.words++
		d.Args = append(d.Args, t.text)
	}
}

// harmless are files that say nothing which matters to a proxy, and that need not
// be on a machine without nginx.
var harmless = []string{"mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "fastcgi-php.conf"}

// include returns the directives of the files that d names.
func (r *reader) include(d *Directive) (list []*Directive, err error) {
	name := d.arg(0)
	if len(d.Args) != 1 {
		return nil, &Error{d.File, d.Line, "include takes one name"}
	}
	if slices.Contains(harmless, path.Base(name)) {
		return nil, nil
	}
	if !path.IsAbs(name) {
		name = path.Join(r.Prefix, name)
	}
	names := []string{name}
	if strings.ContainsAny(name, "*?[") {
		if names, err = r.Glob(name); err != nil {
			return nil, &Error{d.File, d.Line, fmt.Sprintf("include %q: %v", name, err)}
		}
	}
	for _, one := range names {
		if slices.Contains(r.open, one) {
			return nil, &Error{d.File, d.Line, fmt.Sprintf("include %q: the file includes itself", one)}
		}
		text, err := r.load(one)
		if err != nil {
			return nil, &Error{d.File, d.Line, fmt.Sprintf("include: %v", err)}
		}
		included, err := r.file(one, text, d.parent)
		if err != nil {
			return nil, err
		}
		list = append(list, included...)
	}
	return list, nil
}
