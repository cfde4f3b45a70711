package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"usher/proxy/doctor"
)

// DoctorOptions say where to look, and how hard.
type DoctorOptions struct {
	URL     string        // of the backend itself: http, https, ws or wss
	Paths   []string      // to look at besides the URL's own
	Timeout time.Duration // for each answer; if zero, 5 s
	Crash   bool          // also do what kills a backend whose handlers compete
}

// Doctor examines a running backend and writes what it found to w. errNo says
// that there is something to do.
func Doctor(ctx context.Context, w io.Writer, o DoctorOptions) error {
	if o.Timeout < 0 {
		return &UsageError{Text: fmt.Sprintf("--timeout %v: it must be more than nothing", o.Timeout), Hint: "usher doctor --timeout 5s " + o.URL}
	}
	report, err := doctor.Examine(ctx, doctor.Options(o))
	if bad, ok := errors.AsType[*doctor.URLError](err); ok {
		return &UsageError{Text: bad.Text, Hint: "usher doctor http://127.0.0.1:3000"}
	}
	if err != nil {
		return withBackendHint(err)
	}
	var out strings.Builder
	for i, f := range report.Findings {
		if i > 0 {
			out.WriteByte('\n')
		}
		writeFinding(&out, report.Address, f)
	}
	if _, err := io.WriteString(w, out.String()); err != nil {
		return err
	}
	if !report.Healthy() {
		return errNo
	}
	return nil
}

func withBackendHint(err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return &hintError{Err: err, Hint: "start the backend first, and give the address that it listens on itself"}
	}
	return err
}

// writeFinding writes a finding as a headline and paragraphs.
func writeFinding(w *strings.Builder, address string, f doctor.Finding) {
	fmt.Fprintf(w, "%s%s: %s\n", address, f.Path, f.Diagnosis)
	if f.Speaks != "" {
		writeParagraphs(w, "speaks", []string{f.Speaks})
	}
	writeParagraphs(w, "seen", f.Seen)
	writeParagraphs(w, "means", f.Diagnosis.Means())
	writeParagraphs(w, "do", f.Diagnosis.Remedies())
}

const textWidth = 92 // of a paragraph, without its label

// writeParagraphs writes texts under a label, each broken at words.
func writeParagraphs(w *strings.Builder, label string, texts []string) {
	for _, text := range texts {
		line, mark := "", "-"
		flush := func() {
			fmt.Fprintf(w, "  %-6s %s %s\n", label, mark, line)
			line, label, mark = "", "", " "
		}
		for word := range strings.FieldsSeq(text) {
			if line != "" && len(line)+1+len(word) > textWidth {
				flush()
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		flush()
	}
}
