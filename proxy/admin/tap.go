package admin

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/proxy/config"
	"usher/proxy/session"
	"usher/proxy/tap"
)

// TapLine is one line of a tap: a frame, or one of the others.
type TapLine struct {
	*TapFrame
	Missed uint64 `json:"missed,omitempty"` // so many frames are not shown here
	End    string `json:"end,omitempty"`    // why no line follows
}

// TapFrame is a frame as it passed. What is secret in its payload is masked.
type TapFrame struct {
	Time       time.Time `json:"time"`
	Session    string    `json:"session"`
	Route      string    `json:"route"`
	Client     string    `json:"client"`
	Leg        string    `json:"leg,omitempty"` // with namespaces, the upstream; none for the client's side
	From       string    `json:"from"`          // client, upstream or usher
	To         string    `json:"to"`
	Opcode     string    `json:"opcode"`
	Fin        bool      `json:"fin"`
	Compressed bool      `json:"compressed,omitempty"`
	Polling    bool      `json:"polling,omitempty"` // a packet that came by HTTP
	Size       int64     `json:"size"`
	Code       uint16    `json:"code,omitempty"` // of a Close frame
	Text       string    `json:"text,omitempty"` // the beginning of the payload, or a Close frame's reason
	Hex        string    `json:"hex,omitempty"`  // the same of what is no text
	Cut        bool      `json:"cut,omitempty"`  // there is more
}

const (
	// tapTick is how often a tap's frames are written, and tapShare how many
	// at most: more than anybody reads, and little for a processor.
	tapTick   = 100 * time.Millisecond
	tapShare  = 100
	tapBuffer = 64 << 10
	// tapPatience is how long an operator may take nothing.
	tapPatience = 10 * time.Second
	// tapLook is how often it is asked whether the operator may still look.
	tapLook = time.Second
)

// tap writes frames as they pass, one JSON object a line, until the operator
// goes, the session ends or there were as many as were wanted.
func (h *Handler) tap(w http.ResponseWriter, r *http.Request) {
	order, err := h.tapOrder(r)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	t, err := h.Broker.Taps().Open(order.Options)
	if err != nil {
		h.refuse(w, r, failure(http.StatusTooManyRequests, "%v", err))
		return
	}
	defer t.Close()
	h.Log.Info("operator taps", by(r, "route", order.Route, "session", order.Session)...)
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := tapWriter{tapOrder: order, tap: t, lines: bufio.NewWriterSize(w, tapBuffer), control: http.NewResponseController(w)}
	out.json = json.NewEncoder(out.lines)
	out.json.SetEscapeHTML(false)
	out.run(r.Context(), func() bool { return h.still(r) })
}

// tapOrder is what a tap is asked for.
type tapOrder struct {
	tap.Options
	limit int              // frames; 0 for all
	of    *session.Session // the one, nil for many
}

func (h *Handler) tapOrder(r *http.Request) (o tapOrder, err error) {
	query := r.URL.Query()
	for key := range query {
		if !slices.Contains([]string{"route", "session", "bytes", "limit"}, key) {
			return o, failure(http.StatusBadRequest, "unknown parameter %q", key)
		}
	}
	o.Route, o.Session, o.Bytes = query.Get("route"), query.Get("session"), tap.DefaultBytes
	if text := query.Get("bytes"); text != "" {
		if o.Bytes, err = strconv.Atoi(text); err != nil || o.Bytes < 0 || o.Bytes > tap.MaxBytes {
			return o, failure(http.StatusBadRequest, "bytes must be a number from 0 to %d, not %q", tap.MaxBytes, text)
		}
	}
	if text := query.Get("limit"); text != "" {
		if o.limit, err = strconv.Atoi(text); err != nil || o.limit < 1 {
			return o, failure(http.StatusBadRequest, "limit must be a number from 1 on, not %q", text)
		}
	}
	if o.Session != "" {
		if o.of, err = h.begins(o.Session); err != nil {
			return o, err
		}
		o.Session = o.of.ID
	}
	if o.Route != "" && !h.hasRoute(o.Route) {
		return o, failure(http.StatusNotFound, "the routes file has no route %q", o.Route)
	}
	return o, nil
}

// begins returns the newest session of an id, or the one session whose id begins
// so: tables cut them off.
func (h *Handler) begins(id string) (found *session.Session, err error) {
	for _, s := range h.Broker.Sessions().Live() {
		switch {
		case s.ID == id:
			return s, nil
		case !strings.HasPrefix(s.ID, id):
		case found != nil && found.ID != s.ID:
			err = failure(http.StatusBadRequest, "the ids of several sessions begin with %q", id)
		case found == nil:
			found = s
		}
	}
	if err == nil && found == nil {
		err = failure(http.StatusNotFound, "no open session has the id %q", id)
	}
	return found, err
}

// hasRoute tells whether the table has a route, or a session is left of it.
func (h *Handler) hasRoute(name string) bool {
	if (Target{Route: name}).In(h.Broker.Config(), h.Broker.Table(), h.Broker.Pool()) {
		return true
	}
	return slices.ContainsFunc(h.Broker.Sessions().Live(), func(s *session.Session) bool { return s.Route == name })
}

// tapWriter writes what a tap takes.
type tapWriter struct {
	tapOrder
	tap     *tap.Tap
	lines   *bufio.Writer // a tick's: each write wakes whoever reads
	control *http.ResponseController
	json    *json.Encoder
	shown   int
	err     error // of writing: the operator is gone
}

var errShown = errors.New("as many as were wanted")

// still tells whether the operator of a request that lasts may go on: the token may
// have ended, and the routes file may be another. What nobody can say ends nothing.
func (h *Handler) still(r *http.Request) bool {
	o, err := h.identify(r, h.door())
	if err != nil {
		return errorOf(err).Status == http.StatusServiceUnavailable
	}
	return o.Role.Allows(config.Operate)
}

// run ends with the order or the operator, or when that one may no more.
func (t *tapWriter) run(ctx context.Context, may func() bool) {
	// A tap lasts longer than other requests. Without a deadline for what may
	// be read, its end is seen.
	if t.err = t.control.SetReadDeadline(time.Time{}); t.err == nil {
		t.flush()
	}
	tick := time.NewTicker(tapTick)
	defer tick.Stop()
	look := time.NewTicker(tapLook)
	defer look.Stop()
	for t.err == nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			t.turn()
		case <-look.C:
			if !may() {
				t.end("the login has ended")
			}
		}
	}
}

// turn writes what waits, up to the share of a tick.
func (t *tapWriter) turn() {
	over := t.of != nil && t.of.Ended() // before the look at what came before that
	t.deadline()
	most := tapShare
	if t.limit > 0 {
		most = min(most, t.limit-t.shown)
	}
	taken := t.tap.Take(most, t.frame)
	t.shown += taken
	if taken < most {
		t.missed(t.tap.Missed())
	}
	switch {
	case t.limit > 0 && t.shown == t.limit:
		t.end("limit")
	case over && taken < most:
		t.end("the session has ended")
	}
	t.flush()
}

func (t *tapWriter) end(why string) {
	t.line(TapLine{End: why})
	t.flush()
	if t.err == nil {
		t.err = errShown
	}
}

func (t *tapWriter) missed(n uint64) {
	if n > 0 {
		t.line(TapLine{Missed: n})
	}
}

func (t *tapWriter) frame(f *tap.Frame, payload []byte, missed uint64) {
	t.missed(missed)
	t.line(TapLine{TapFrame: newTapFrame(f, payload)})
}

func (t *tapWriter) line(l TapLine) {
	if t.err == nil {
		t.err = t.json.Encode(l)
	}
}

func (t *tapWriter) deadline() {
	if t.err == nil {
		t.err = t.control.SetWriteDeadline(time.Now().Add(tapPatience))
	}
}

func (t *tapWriter) flush() {
	if t.deadline(); t.err == nil {
		t.err = errors.Join(t.lines.Flush(), t.control.Flush())
	}
}

// newTapFrame makes f fit to leave the process.
func newTapFrame(f *tap.Frame, payload []byte) *TapFrame {
	line := &TapFrame{
		Time: time.Unix(0, f.Time).UTC(), Session: f.Session.ID, Route: f.Session.Route, Client: f.Session.Client, Leg: f.Leg,
		From: string(f.From), To: string(f.To), Opcode: f.Opcode.String(), Fin: f.Fin,
		Compressed: f.Compressed, Polling: f.Polling, Size: f.Size,
	}
	shown := tap.Show(f, payload)
	line.Code, line.Text, line.Cut = shown.Code, shown.Text, shown.Cut
	line.Hex = hex.EncodeToString(shown.Bytes)
	return line
}
