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
	ExitOK    = 0
	ExitNo    = 1 // the answer is no, or it could not be done
	ExitUsage = 2 // wrong usage
)

// ErrNo is the answer no of a verb that has said why on its output.
var ErrNo = errors.New("the answer is no")

// UsageError is a command line that cannot be meant.
type UsageError struct {
	Text string
	Hint string // "" for none
}

// Error returns the text without the hint.
func (e *UsageError) Error() string { return e.Text }

// HintError is an error with an idea of what to do about it.
type HintError struct {
	Err  error
	Hint string
}

// Error returns the error's text without the hint.
func (e *HintError) Error() string { return e.Err.Error() }

// Unwrap returns the error that the hint is about.
func (e *HintError) Unwrap() error { return e.Err }

// Report writes err to w the way all verbs do and returns the exit status.
func Report(w io.Writer, err error) int {
	if err == nil {
		return ExitOK
	}
	if errors.Is(err, ErrNo) {
		return ExitNo
	}
	if usage, ok := errors.AsType[*UsageError](err); ok {
		report(w, usage.Text, usage.Hint)
		return ExitUsage
	}
	if faults, ok := errors.AsType[config.Errors](err); ok {
		reportFaults(w, faults)
		return ExitNo
	}
	hint := ""
	if hinted, ok := errors.AsType[*HintError](err); ok {
		hint = hinted.Hint
	}
	report(w, err.Error(), hint)
	return ExitNo
}

func report(w io.Writer, text, hint string) {
	fmt.Fprintf(w, "usher: %s\n", text)
	if hint != "" {
		fmt.Fprintf(w, "  hint: %s\n", hint)
	}
}

// reportFaults writes each fault of a routes file on a line that begins with
// its place, as compilers do, so that editors can jump there.
func reportFaults(w io.Writer, faults config.Errors) {
	for _, fault := range faults {
		fmt.Fprintln(w, fault)
	}
	if len(faults) == 1 {
		report(w, "the routes file has 1 error", "")
	} else {
		report(w, fmt.Sprintf("the routes file has %d errors", len(faults)), "")
	}
}
