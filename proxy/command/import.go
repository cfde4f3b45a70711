package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/nginx"
)

// ImportOptions say what is imported.
type ImportOptions struct {
	File   string // nginx.conf, or a file that it includes
	Prefix string // the folder that relative names begin at; "" for that of File
}

// Import writes a routes file that does what a configuration of nginx does. How
// much of it was not carried over goes to stderr.
func Import(w, stderr io.Writer, o ImportOptions) error {
	prefix := o.Prefix
	if prefix == "" {
		prefix = filepath.Dir(o.File)
	}
	prefix, err := filepath.Abs(prefix)
	if err != nil {
		return err
	}
	source := nginx.Source{Prefix: prefix, Read: readMost, Glob: globSorted}
	list, err := nginx.Read(o.File, source)
	if fault, ok := errors.AsType[*nginx.Error](err); ok && o.Prefix == "" && strings.HasPrefix(fault.Text, "include: ") {
		return &hintError{Err: err, Hint: "--prefix says where relative names begin, such as /etc/nginx"}
	}
	if err != nil {
		return err
	}
	got, err := nginx.Convert(o.File, source, list)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, got.Text); err != nil {
		return err
	}
	return summary(stderr, got)
}

// summary says what to look at.
func summary(stderr io.Writer, got *nginx.Result) error {
	more := ""
	if got.Lost > 0 {
		more = `: look for "not carried over" in the file`
	}
	if _, err := fmt.Fprintf(stderr, "usher: %s, %s not carried over%s\n", counted(got.Routes, "route"), counted(got.Lost, "thing"), more); err != nil {
		return err
	}
	cfg, err := config.Parse("routes.yaml", []byte(got.Text), nil)
	if err != nil {
		return err
	}
	for _, fault := range certs.Check(cfg) {
		if _, err := fmt.Fprintf(stderr, "usher: warning: %v\n", fault); err != nil {
			return err
		}
	}
	return nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// readMost reads a file, or of a longer one a byte more than most. A pipe or a device
// would keep it waiting.
func readMost(name string, most int) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: name, Err: errors.New("it is no regular file")}
	}
	return io.ReadAll(io.LimitReader(f, int64(most)+1))
}

// globSorted leaves out hidden files, as nginx does.
func globSorted(pattern string) ([]string, error) {
	names, err := filepath.Glob(pattern)
	hidden := func(name string) bool { return filepath.Base(name)[0] == '.' && filepath.Base(pattern)[0] != '.' }
	return slices.DeleteFunc(names, hidden), err
}
