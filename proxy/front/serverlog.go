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

// serverLog gives net/http's lines, which have no level, one: a panic is the
// operator's business, a client's broken connection is not.
type serverLog struct{ slog.Handler }

// Handle passes r on at the level that its text deserves.
func (h serverLog) Handle(ctx context.Context, r slog.Record) error {
	r.Level = slog.LevelDebug
	if strings.HasPrefix(r.Message, "http: panic") {
		r.Level = slog.LevelError
	}
	if !h.Enabled(ctx, r.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, r)
}
