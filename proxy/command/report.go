// Package command is what the verbs of the command line do. Names, flags and
// help stand in main.go.
package command

import (
	"errors"
	"fmt"
	"io"

	"usher/proxy/config"
)

// Exit statuses of the program.
const (
	exitOK    = 0
	exitNo    = 1 // the answer is no, or it could not be done
	exitUsage = 2 // wrong usage
)

// errNo is the answer no of a verb that has said why on its output.
var errNo = errors.New("the answer is no")

// UsageError is a command line that cannot be meant.
type UsageError struct {
	Text string
	Hint string // "" for none
}

// Error returns the text without the hint.
func (e *UsageError) Error() string { return e.Text }

// hintError is an error with an idea of what to do about it.
type hintError struct {
	Err  error
	Hint string
}

// Error returns the error's text without the hint.
func (e *hintError) Error() string { return e.Err.Error() }

// Unwrap returns the error that the hint is about.
func (e *hintError) Unwrap() error { return e.Err }

// Report writes err to w the way all verbs do and returns the exit status.
func Report(w io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errNo) {
		return exitNo
	}
	text, status := describe(err)
	io.WriteString(w, text) //nolint:errcheck // there is no one left to tell
	return status
}

func describe(err error) (text string, status int) {
	if usage, ok := errors.AsType[*UsageError](err); ok {
		return line(usage.Text, usage.Hint), exitUsage
	}
	hint := ""
	if hinted, ok := errors.AsType[*hintError](err); ok {
		hint = hinted.Hint
	}
	if faults, ok := errors.AsType[config.Errors](err); ok {
		// Each on a line that begins with its place, as compilers have it, so
		// that editors can jump there.
		count := fmt.Sprintf("the routes file has %d errors", len(faults))
		if len(faults) == 1 {
			count = "the routes file has 1 error"
		}
		return faults.Error() + "\n" + line(count, hint), exitNo
	}
	return line(err.Error(), hint), exitNo
}

func line(text, hint string) string {
	text = "usher: " + text + "\n"
	if hint != "" {
		text += "  hint: " + hint + "\n"
	}
	return text
}
