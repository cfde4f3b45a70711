package front

import (
	"context"
	"log" //nolint:depguard // an http.Server writes by one
	"log/slog"
	"strings"
)

// ErrorLog returns what an http.Server writes by to the log.
func ErrorLog(to *slog.Logger) *log.Logger {
	return slog.NewLogLogger(serverLog{to.Handler()}, slog.LevelError)
}

// serverLog gives net/http's lines, which have no level, one: a panic and a
// failing accept are the operator's business, a client's broken connection is
// not.
type serverLog struct{ slog.Handler }

// Handle passes r on at the level that its text deserves.
func (h serverLog) Handle(ctx context.Context, r slog.Record) error {
	switch {
	case strings.HasPrefix(r.Message, "http: panic"):
		r.Level = slog.LevelError
	case strings.HasPrefix(r.Message, "http: Accept error"):
		r.Level = slog.LevelWarn
	default:
		r.Level = slog.LevelDebug
	}
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
