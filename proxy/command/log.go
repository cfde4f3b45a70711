package command

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// maxLogged bounds each value of a line of the log: clients choose paths, and
// upstreams what stands in an error. A list, such as the errors of a reload, may
// have more of them, up to maxLoggedList.
const (
	maxLogged     = 1 << 10
	maxLoggedList = 4 << 10
)

// leadStandard has what other code says by Go's own logger be lines of log too:
// net/http tells by that of an upstream that sends bytes behind its answer.
func leadStandard(log *slog.Logger) {
	slog.SetLogLoggerLevel(slog.LevelWarn)
	slog.SetDefault(log)
}

func newTextLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: bounded}))
}

// newJSONLog writes what is seen too: the lines are read at terminals after all.
func newJSONLog(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewJSONHandler(Visible(w), &slog.HandlerOptions{Level: level, ReplaceAttr: bounded}))
}

// bounded cuts a value that is too long, and takes out of it what is no text.
func bounded(_ []string, a slog.Attr) slog.Attr {
	switch v := a.Value; v.Kind() {
	case slog.KindString:
		if s := v.String(); len(s) > maxLogged {
			a.Value = slog.StringValue(cut(s))
		}
	case slog.KindAny:
		switch v := v.Any().(type) {
		case error:
			a.Value = slog.StringValue(cut(v.Error()))
		case []string:
			a.Value = slog.AnyValue(cutList(v))
		}
	default: // a number or a time is short
	}
	return a
}

func cut(s string) string {
	if len(s) <= maxLogged {
		return s
	}
	return strings.ToValidUTF8(s[:maxLogged], "?") + fmt.Sprintf("... (%d bytes)", len(s))
}

// cutList is cut for each of a list, and for all of them together.
func cutList(list []string) []string {
	var short []string
	size := 0
	for i, s := range list {
		s = cut(s)
		if size += len(s); size > maxLoggedList {
			return append(short, fmt.Sprintf("... (%d of %d)", i, len(list)))
		}
		short = append(short, s)
	}
	return short
}
