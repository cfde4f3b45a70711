package accesslog

import (
	"os"
	"path/filepath"
	"syscall"

	"usher/proxy/config"
)

// Sink is where lines go, and how they look.
type Sink struct {
	file   *os.File
	owned  bool // file is to be closed
	sample float64
	append func(b []byte, l *Line) []byte
	buffer []byte // of the writer
}

// Open opens what cfg names, anew if it is a file; nil for none. The error is
// config.Errors.
func Open(cfg *config.Config) (*Sink, error) {
	a := cfg.Log.Access
	if a == nil {
		return nil, nil
	}
	s := &Sink{file: os.Stdout, sample: a.Sample, append: appendJSON}
	if a.Format == config.Combined {
		s.append = appendCombined
	}
	if a.To == config.Stdout {
		return s, nil
	}
	// A pipe that nobody reads must not hold up a reload.
	f, err := os.OpenFile(cfg.Beside(a.To), os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return nil, fault(cfg, err)
	}
	s.file, s.owned = f, true
	return s, nil
}

// Check returns what would keep Open from it, as far as that is seen without
// making the file.
func Check(cfg *config.Config) error {
	a := cfg.Log.Access
	if a == nil || a.To == config.Stdout {
		return nil
	}
	name := cfg.Beside(a.To)
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fault(cfg, &os.PathError{Op: "open", Path: name, Err: syscall.EISDIR})
	}
	if _, err := os.Stat(filepath.Dir(name)); err != nil {
		return fault(cfg, err)
	}
	return nil
}

func fault(cfg *config.Config, err error) error {
	return config.Errors{&config.Error{File: cfg.File, Position: cfg.Log.Access.At, Text: "to: " + err.Error()}}
}

// Close closes what was opened. A Log does that for the Sink that it has got.
func (s *Sink) Close() {
	if s != nil && s.owned {
		s.file.Close()
	}
}
