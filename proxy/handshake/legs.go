package handshake

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"usher/proxy/headers"
	"usher/proxy/refusal"
	"usher/proxy/tracing"
)

// LegRequest is usher's half of the handshakes with upstreams on behalf of one
// client. It is made of the client's first request and serves the session's
// whole life: a browser cannot repeat its headers.
type LegRequest struct {
	half half

	Trace *tracing.Parent // of the legs; nil if the handshake has none
	told  bool            // upstreams are told of it
}

// maxLegHead is how long usher's half may be. It is kept as long as the session
// lives, and servers of Socket.IO take no longer one.
const maxLegHead = 16 << 10

// LegRequest returns the half for that path and query, but for the cookie of
// that name, which is usher's own.
func (v *Visit) LegRequest(r *http.Request, path, query, cookie string) (*LegRequest, error) {
	h := maps.Clone(r.Header)
	v.handler.Headers.Apply(h, v.Sender, v.Match.Route.Headers)
	q := &LegRequest{Trace: v.Sender.Trace.Parent()}
	if q.told = q.Trace != nil && h.Get("Traceparent") == q.Trace.Traceparent(); q.told {
		delete(h, "Traceparent") // it is another each time, too
	}
	host := headers.TakeHost(h, r.Host)
	forLegs(h, cookie)
	b := v.handler.buffers.get()
	defer v.handler.buffers.put(b)
	q.half = appendHalf(b.out[:0], path, query, host, h, offer{protocols: v.offer.protocols})
	if b.out = q.half.head; len(b.out) > maxLegHead {
		return nil, refusal.New(http.StatusRequestHeaderFieldsTooLarge, refusal.Limit, "request head is longer than 16 KiB")
	}
	q.half.head = bytes.Clone(b.out)
	return q, nil
}

// LegRequestState is a LegRequest as data. It has what the client's headers have.
type LegRequestState struct {
	Head      []byte
	Plain     int
	Protocols []string            `json:",omitempty"`
	Trace     tracing.ParentState `json:",omitzero"`
	Told      bool                `json:",omitempty"`
}

// State returns q as data.
func (q *LegRequest) State() LegRequestState {
	return LegRequestState{q.half.head, q.half.plain, q.half.offer.protocols, q.Trace.State(), q.told}
}

var errLegHead = errors.New("the head of a request to upstreams is none")

// LegRequest returns what st was taken of.
func (st LegRequestState) LegRequest() (*LegRequest, error) {
	if len(st.Head) > maxLegHead || st.Plain < 0 || st.Plain > len(st.Head) || !bytes.HasPrefix(st.Head, []byte("GET ")) {
		return nil, errLegHead
	}
	q := &LegRequest{half: half{head: st.Head, plain: st.Plain, offer: offer{protocols: st.Protocols}}, Trace: st.Trace.Parent()}
	q.told = st.Told && q.Trace != nil
	return q, nil
}

// forLegs takes off h what is of the first request alone: its body, and the
// cookie of that name. Headers that are empty go too.
func forLegs(h http.Header, cookie string) {
	if lines := slices.Clone(h["Cookie"]); cookie != "" && lines != nil {
		for i := range lines {
			lines[i] = withoutCookie(lines[i], cookie)
		}
		h["Cookie"] = lines
	}
	for name, values := range h {
		switch {
		case strings.HasPrefix(name, "Content-"):
			delete(h, name)
		case slices.Contains(values, ""):
			h[name] = slices.DeleteFunc(slices.Clone(values), func(v string) bool { return v == "" })
		}
	}
}

// withoutCookie takes the cookie of that name off a Cookie header.
func withoutCookie(line, name string) string {
	if !strings.Contains(line, name) {
		return line
	}
	var kept []string
	for one := range strings.SplitSeq(line, ";") {
		one = strings.TrimSpace(one)
		if key, _, _ := strings.Cut(one, "="); key != name {
			kept = append(kept, one)
		}
	}
	return strings.Join(kept, "; ")
}

// DeclinedError is an upstream's own answer to a handshake, which says no.
type DeclinedError struct {
	Status     int
	Text       string // one line, for the client; "" if there is none that is fit for it
	RetryAfter string // in seconds; "" if the upstream has not said
}

func (d *DeclinedError) Error() string {
	return fmt.Sprintf("upstream answered %d to the upgrade", d.Status)
}

// Legs makes handshakes with upstreams. The zero value is ready.
type Legs struct{ buffers bufferPool }

// Ask makes the handshake of q over conn, within the timeout, and tells the
// upstream that it belongs to the attempt under way of trace. What was read
// behind the upstream's 101 is in early: the open packet, for which it waits. The
// error is a *DeclinedError if the upstream has answered something else. Heard
// tells whether it has answered anything. The caller owns conn.
func (l *Legs) Ask(ctx context.Context, conn net.Conn, q *LegRequest, trace *tracing.Attempts, timeout time.Duration) (early []byte, heard bool, err error) {
	b := l.buffers.get()
	defer l.buffers.put(b)
	to := question{half: q.half, timeout: timeout, opening: openingNeeded}
	if q.told {
		to.traceparent = cmp.Or(trace.Traceparent(), q.Trace.Traceparent())
	}
	var d dialogue
	t := begin(ctx, conn)
	t.hold(&d, d.begin(time.Now(), to, b))
	r, err := d.reply, d.err
	if err == nil && (r.recanted || r.status != http.StatusSwitchingProtocols) {
		err = declined(r.status, b.in, conn)
	}
	if err = t.end(err); err != nil {
		return nil, r.heard, err
	}
	conn.SetDeadline(time.Time{})
	return slices.Clone(b.in[r.head:]), true, nil
}

// Inquire asks over conn, which is a new one to the same server, why the
// handshake of q has got no answer. The error is a *DeclinedError if the server
// says so, or else for the log. The caller owns conn.
func (l *Legs) Inquire(ctx context.Context, conn net.Conn, q *LegRequest, timeout time.Duration) error {
	b := l.buffers.get()
	defer l.buffers.put(b)
	var d dialogue
	t := begin(ctx, conn)
	defer t.stop()
	t.hold(&d, d.begin(time.Now(), question{half: q.half, plain: true, timeout: timeout}, b))
	if d.err != nil {
		return d.err
	}
	return declined(d.reply.status, b.in, conn)
}

// maxText is how much of a refusal's body is looked at, and longestText what a
// client is shown.
const (
	maxText     = 4 << 10
	longestText = 256
)

// declined reads what an upstream says instead of 101.
func declined(status int, head []byte, conn net.Conn) error {
	res, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(head), conn)), nil)
	if err != nil {
		return badAnswer(err)
	}
	defer res.Body.Close()
	d := &DeclinedError{Status: status, RetryAfter: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	if body, err := io.ReadAll(io.LimitReader(res.Body, maxText)); err == nil {
		d.Text = oneLine(body)
	}
	return d
}

// retryAfter returns the seconds that a Retry-After header says (RFC 9110,
// 10.2.3), "" if it says none. Who comes back before a date comes too early.
func retryAfter(value string, now time.Time) string {
	if at, err := http.ParseTime(value); err == nil {
		return strconv.Itoa(int(math.Ceil(max(0, at.Sub(now).Seconds()))))
	}
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return ""
}

// oneLine returns a text that may be shown to a client: an application's words,
// not a page.
func oneLine(body []byte) string {
	s := strings.TrimSpace(string(body))
	odd := func(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }
	if len(s) > longestText || strings.HasPrefix(s, "<") || strings.IndexFunc(s, odd) >= 0 {
		return ""
	}
	return s
}
