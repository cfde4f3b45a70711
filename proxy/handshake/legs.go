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
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"usher/proxy/headers"
	"usher/proxy/tracing"
	"usher/proxy/ws"
)

// LegRequest is usher's half of the handshakes with upstreams on behalf of one
// client. It is made of the client's first request and serves the session's
// whole life: a browser cannot repeat its headers.
type LegRequest struct {
	head  []byte // up to the value of Sec-WebSocket-Key, which is another each time
	plain int    // how much of head is not of the upgrade
	offer offer

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
	b := v.handler.getBuffers()
	defer v.handler.buffers.Put(b)
	q := &LegRequest{offer: offer{protocols: v.offer.protocols}}
	q.Trace = v.Sender.Trace.Parent()
	if q.told = q.Trace != nil && h.Get("Traceparent") == q.Trace.Traceparent(); q.told {
		delete(h, "Traceparent") // it is another each time, too
	}
	out := append(b.out[:0], "GET "...)
	out = append(out, path...)
	out = append(out, '?')
	out = append(out, query...)
	out = append(out, " HTTP/1.1\r\nHost: "...)
	out = append(out, headers.TakeHost(h, r.Host)...)
	out = append(out, "\r\n"...)
	for name, values := range h {
		if ownHeader(name) || strings.HasPrefix(name, "Content-") {
			continue
		}
		for _, value := range values {
			if name == "Cookie" && cookie != "" {
				value = withoutCookie(value, cookie)
			}
			if value != "" {
				out = appendHeader(out, name, value)
			}
		}
	}
	q.plain = len(out)
	b.out = append(q.offer.append(out), upgradeLines...)
	if len(b.out) > maxLegHead {
		return nil, refusal(http.StatusRequestHeaderFieldsTooLarge, Limit, "request head is longer than 16 KiB")
	}
	q.head = bytes.Clone(b.out)
	return q, nil
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
type Legs struct {
	buffers sync.Pool // of *buffers
}

// Ask makes the handshake of q over conn, within the timeout, and tells the
// upstream that it belongs to the attempt under way of trace. What was read
// behind the upstream's 101 is in early. The error is a *DeclinedError if the
// upstream has answered something else. Heard tells whether it has answered
// anything. The caller owns conn.
func (l *Legs) Ask(ctx context.Context, conn net.Conn, q *LegRequest, trace *tracing.Attempts, timeout time.Duration) (early []byte, heard bool, err error) {
	b := l.get()
	defer l.buffers.Put(b)
	setDeadline(conn, timeout)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	key := newKey()
	b.out = append(append(append(b.out[:0], q.head...), key...), "\r\n"...)
	if q.told {
		b.out = appendHeader(b.out, "Traceparent", cmp.Or(trace.Traceparent(), q.Trace.Traceparent()))
	}
	b.out = append(b.out, "\r\n"...)
	b.in = b.in[:0]
	a, err := b.ask(conn)
	heard = len(b.in) > 0 || a.status != 0
	if err == nil && a.status != http.StatusSwitchingProtocols {
		err = declined(a.status, b.in, conn)
	}
	switch {
	case !stop():
		return nil, heard, context.Cause(ctx)
	case err != nil:
		return nil, heard, err
	}
	setDeadline(conn, timeout)
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	if early, err = b.behind(conn, a, key, q.offer); err == nil {
		conn.SetDeadline(time.Time{})
	}
	return early, heard, err
}

// behind returns what a server says behind its 101, which is verified. It waits
// for that: it is the open packet, or an answer that takes the 101 back.
func (b *buffers) behind(conn net.Conn, a answer, key string, o offer) ([]byte, error) {
	if _, err := a.verify(key, o); err != nil {
		return nil, badAnswer(err)
	}
	if err := b.hear(conn, a); err != nil {
		return nil, badAnswer(fmt.Errorf("nothing behind the 101: %w", err))
	}
	if !b.recants(a) {
		return slices.Clone(b.in[a.head:]), nil
	}
	b.in = b.in[:copy(b.in, b.in[a.head:])]
	var err error
	if b.in, a, err = readAnswer(conn, b.in); err != nil {
		return nil, badAnswer(errors.Join(ws.ErrAnswer, err))
	}
	return nil, declined(a.status, b.in, conn)
}

func (l *Legs) get() *buffers {
	if b, ok := l.buffers.Get().(*buffers); ok {
		return b
	}
	return &buffers{out: make([]byte, 0, firstRead), in: make([]byte, 0, firstRead)}
}

// Inquire asks over conn, which is a new one to the same server, why the
// handshake of q has got no answer. The error is a *DeclinedError, or nil if
// the server does not say. The caller owns conn.
func (l *Legs) Inquire(ctx context.Context, conn net.Conn, q *LegRequest, timeout time.Duration) error {
	b := l.get()
	defer l.buffers.Put(b)
	setDeadline(conn, timeout)
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	b.out = append(append(append(b.out[:0], q.head[:q.plain]...), plainLines...), "\r\n"...)
	a, ok := b.inquire(conn)
	if !ok {
		return nil
	}
	if no, ok := errors.AsType[*DeclinedError](declined(a.status, b.in, conn)); ok {
		return no
	}
	return nil
}

// ask writes what is in b.out and reads the answer to b.in.
func (b *buffers) ask(conn net.Conn) (a answer, err error) {
	if _, err = conn.Write(b.out); err == nil {
		b.in, a, err = readAnswer(conn, b.in)
	}
	if err != nil {
		err = badAnswer(err)
	}
	return a, err
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
// 10.2.3), "" if it says none.
func retryAfter(value string, now time.Time) string {
	if at, err := http.ParseTime(value); err == nil {
		return strconv.Itoa(int(max(0, at.Sub(now).Seconds())))
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
