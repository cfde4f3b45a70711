package refusal

import "log/slog"

// NoteConnect counts a refusal to join a namespace under a route, and has it leave a
// line with who the client is.
func (wr *Writer) NoteConnect(e *Error, route string, client []slog.Attr) {
	attrs := append(e.attrs(), slog.String("route", route))
	attrs = append(attrs, client...)
	if e.Hint != "" {
		attrs = append(attrs, slog.String("hint", e.Hint))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("err", e.Err))
	}
	wr.tally.note(wr.Log, e.level(), e.Reason.kind(route), "namespace refused", attrs...)
}
