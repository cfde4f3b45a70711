package refusal

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"usher/proxy/headers"
	"usher/proxy/redact"
)

// Writer tells clients, the log and the metrics of what is refused. It is the
// one place that does, and there is one for a server.
type Writer struct {
	Log *slog.Logger // static; may be nil

	tally tally // by route and Reason
	rules tally // of requests that no handler sees; by rule, of which there are few
	tls   tlsTally
}

// Refuse turns err into a short plain answer, counts it and logs it. s has sent
// r. The answer must not have begun.
func (wr *Writer) Refuse(w http.ResponseWriter, r *http.Request, s headers.Sender, err error) {
	e := Of(r.Context(), err)
	wr.note(r, s, e)
	e.answer(w, r)
}

// RefuseRaw is Refuse for a request that no handler has seen, as its bytes break
// a rule: the answer is the last on conn. The client has come by listener.
func (wr *Writer) RefuseRaw(conn net.Conn, listener net.Addr, e *Error) error {
	wr.NoteRaw(conn.RemoteAddr(), listener, "request refused", e)
	h := make(http.Header)
	h.Set("Connection", "close")
	e.ask(h, 1)
	kind, body := plain(http.StatusText(e.Status), e.Status, e.Rule)
	describe(h, kind, len(body))
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", e.Status, http.StatusText(e.Status))
	h.Write(&b) //nolint:errcheck // to memory
	b.WriteString("\r\n" + body)
	_, err := conn.Write(b.Bytes())
	return err
}

// NoteRaw counts a refusal of which the client is not told, or only by somebody
// else, and has it leave a line with that message.
func (wr *Writer) NoteRaw(client, listener net.Addr, message string, e *Error) {
	wr.Count(e.Reason, "")
	who := headers.Sender{Client: headers.Peer(client.String())}
	attrs := append(e.attrs(), slog.String("listener", listener.String()), slog.String("client", who.Address()))
	wr.rules.note(wr.Log, slog.LevelInfo, Kind{Reason: e.Rule}, message, attrs...)
}

// note counts a refusal, has it leave a line, and ends its trace. The line is
// without the query and all headers but Host: they hold secrets.
func (wr *Writer) note(r *http.Request, s headers.Sender, e *Error) {
	s.Trace.Refused(e.Status, e.Reason.String())
	if e.Logged {
		wr.Count(e.Reason, r.Pattern)
		return
	}
	attrs := e.attrs()
	if r.Pattern != "" {
		attrs = append(attrs, slog.String("route", r.Pattern))
	}
	attrs = append(attrs, Request(r, s)...)
	if e.Hint != "" {
		attrs = append(attrs, slog.String("hint", e.Hint))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.Any("err", e.Err))
	}
	wr.tally.note(wr.Log, e.level(), e.Reason.kind(r.Pattern), e.message(), attrs...)
}

// message is that of the line. Who went away was refused by nobody.
func (e *Error) message() string {
	if e.Reason == Gone {
		return "client went away before its answer"
	}
	return "request refused"
}

func (e *Error) attrs() []slog.Attr {
	attrs := []slog.Attr{slog.Int("status", e.Status), slog.String("reason", e.Reason.String()), slog.String("rule", e.Rule)}
	if e.Reason == Gone || e.Reason == Connections {
		return attrs[1:] // nobody has heard the status
	}
	return attrs
}

func (e *Error) level() slog.Level {
	switch {
	case e.Warn:
		return slog.LevelWarn
	case e.Reason == Gone:
		return slog.LevelInfo
	}
	return Level(e.Status)
}

// Level is that of a line in the log about an answer with status.
func Level(status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Request is what a line in the log tells of r, which s has sent.
func Request(r *http.Request, s headers.Sender) []slog.Attr {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return []slog.Attr{
		slog.String("id", s.ID), slog.String("client", s.Address()), slog.String("host", r.Host), slog.Any("path", shownPath(path)),
	}
}

// shownPath is a path as the log may have it. Most refusals have no line, and
// cost nothing of this.
type shownPath string

// LogValue hides what is secret by its name or form.
func (p shownPath) LogValue() slog.Value { return slog.StringValue(redact.Text(string(p), false)) }

// Count counts the refusal of a request under route that nobody is told of.
func (wr *Writer) Count(reason Reason, route string) { wr.tally.count(reason.kind(route)) }

// Totals returns how many refusals of each kind there were. Of no route, all
// reasons are there.
func (wr *Writer) Totals() map[Kind]uint64 {
	totals := wr.tally.totals()
	for r := range reasonCount {
		totals[r.kind("")] += 0
	}
	return totals
}

// Reasons returns how many refusals there were by reason; all are there.
func (wr *Writer) Reasons() map[string]uint64 {
	sums := make(map[string]uint64, reasonCount)
	for kind, n := range wr.Totals() {
		sums[kind.Reason] += n
	}
	return sums
}

// Close has the log told of what has had no line yet.
func (wr *Writer) Close() {
	wr.tally.close()
	wr.rules.close()
	wr.tls.tally.close()
}
