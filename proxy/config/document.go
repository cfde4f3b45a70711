package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document turns text into the value at its root.
func (l *loader) document(text []byte) (value, bool) {
	top := Position{1, 1}
	if len(text) > maxFile {
		l.errorf(top, "the file is larger than 1MiB")
		return value{}, false
	}
	if n := validUTF8(text); n < len(text) {
		l.errorf(positionOf(text, n), "the file is not UTF-8")
		return value{}, false
	}
	doc, next, err := decode(text)
	switch {
	case err != nil:
		l.errorf(blame(text, err), "%s", hint(problem(err)))
	case doc == nil:
		l.errorf(top, "the file is empty: it needs upstreams and routes")
	case next != nil:
		l.errorf(Position{next.Line, next.Column}, "a second document begins here: a routes file is one")
	case doc.Content[0].ShortTag() == "!!null":
		l.errorf(top, "the file is empty: it needs upstreams and routes")
	default:
		return l.value("the file", doc.Content[0]), true
	}
	return value{}, false
}

// validUTF8 returns how many bytes at the beginning of text are UTF-8.
func validUTF8(text []byte) int {
	n := 0
	for n < len(text) {
		r, size := utf8.DecodeRune(text[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// decode returns the first document of text, nil if there is none, and the one
// behind it, nil if there is none.
func decode(text []byte) (doc, next *yaml.Node, err error) {
	// The library answers some broken input with a panic.
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := d.Decode(&first); err != nil {
		return nil, nil, notEOF(err)
	}
	if err := d.Decode(&second); err != nil {
		return &first, nil, notEOF(err)
	}
	return &first, &second, nil
}

func notEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// problem is the library's message without its line, which is that of the
// enclosing construct, or one too small, or missing.
func problem(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if _, rest, ok := strings.Cut(rest, ": "); ok {
			return rest
		}
	}
	return text
}

// hint adds what usually lies behind a message.
func hint(text string) string {
	switch {
	case strings.Contains(text, "cannot start any token"):
		return text + ": indent with spaces, and quote text that begins with @, ` or %"
	case strings.Contains(text, "mapping values are not allowed"):
		return text + `: check the indentation, and quote text that holds ": "`
	case strings.Contains(text, "alphabetic or numeric"):
		return text + `: quote text that begins with * or &`
	case strings.Contains(text, "expected node content"):
		return text + `: quote text that begins with [, {, ] or }`
	case strings.Contains(text, "unknown anchor"):
		return text + `: quote text that begins with *`
	case strings.Contains(text, "unexpected end of stream"):
		return text + ": a quote is not closed"
	case strings.Contains(text, "did not find expected"), strings.Contains(text, "could not find expected"):
		return text + ": check the indentation and what was opened before"
	}
	return text
}
