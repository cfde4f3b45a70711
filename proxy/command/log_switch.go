package command

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"sync/atomic"

	"golang.org/x/term"

	"usher/proxy/config"
)

// logSwitch is how a log looks and what it leaves out, as the routes file says.
type logSwitch struct {
	terminal bool // static
	text     atomic.Bool
	level    slog.LevelVar
}

// newLog returns a log that people can read if f is a terminal, and machines
// if it is not, until the switch is set to something else.
func newLog(f *os.File) (*slog.Logger, *logSwitch) {
	s := &logSwitch{terminal: term.IsTerminal(int(f.Fd()))}
	s.set(config.Log{})
	return slog.New(switched{by: s, text: newTextLog(f, &s.level).Handler(), json: newJSONLog(f, &s.level).Handler()}), s
}

func (s *logSwitch) set(l config.Log) {
	s.level.UnmarshalText([]byte(cmp.Or(l.Level, config.Info))) //nolint:errcheck // config has checked it
	s.text.Store(l.Format == config.Text || l.Format != config.JSON && s.terminal)
}

// switched is both handlers, of which one has each line.
type switched struct {
	by         *logSwitch
	text, json slog.Handler
}

func (h switched) now() slog.Handler {
	if h.by.text.Load() {
		return h.text
	}
	return h.json
}

// Enabled implements slog.Handler.
func (h switched) Enabled(ctx context.Context, l slog.Level) bool { return h.now().Enabled(ctx, l) }

// Handle implements slog.Handler.
func (h switched) Handle(ctx context.Context, r slog.Record) error { return h.now().Handle(ctx, r) }

// WithAttrs implements slog.Handler.
func (h switched) WithAttrs(attrs []slog.Attr) slog.Handler {
	return switched{h.by, h.text.WithAttrs(attrs), h.json.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h switched) WithGroup(name string) slog.Handler {
	return switched{h.by, h.text.WithGroup(name), h.json.WithGroup(name)}
}
