package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one fault of the routes file.
type Error struct {
	File string // as it was given to Load
	Position
	Text string
}

// Error returns the fault as editors and terminals understand it:
// routes.yaml:12:5: upstream "chat" is not defined.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// Errors are all faults of one file, in the order of its lines.
type Errors []*Error

// Error returns one line per fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives errors.Is and errors.As every fault.
func (e Errors) Unwrap() []error {
	list := make([]error, len(e))
	for i, one := range e {
		list[i] = one
	}
	return list
}

// Sorted returns the faults by position. A fault that is reached twice, through
// two aliases of the same value, is one.
func (e Errors) Sorted() Errors {
	slices.SortStableFunc(e, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	return slices.CompactFunc(e, func(a, b *Error) bool { return *a == *b })
}
