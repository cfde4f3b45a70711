package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"strings"
	"time"

	"usher/proxy/ws"
)

const (
	version = "13" // of RFC 6455
	// A version that no server takes, and every ws server refuses before it
	// looks at the path: a request with it is claimed by nobody.
	versionNone = "7"
	// A list that no server can parse: ws refuses it after it looked at the path.
	protocolNone = "a,,b"

	settle = 400 * time.Millisecond // for what contradicts a 101 to arrive
	feed   = 50 * time.Millisecond  // between bytes that ask whether a socket still lives
)

// upgrade is a request to become a WebSocket.
type upgrade struct {
	path, query string
	version     string // if "", 13
	protocol    string // Sec-WebSocket-Protocol
	say, await  string // a message to send after the 101, and the one that answers it; await alone is just waited for
	finish      string // a message to send before the close
	patient     bool   // after an end without a word, wait whether the socket is closed as well
}

// upgrade makes the request and watches what becomes of it. After a 101 it
// closes the socket as a client does.
func (e *examination) upgrade(ctx context.Context, u upgrade) answer {
	if u.version == "" {
		u.version = version
	}
	var key [16]byte
	rand.Read(key[:])
	lines := []string{
		"Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: " + u.version,
		"Sec-WebSocket-Key: " + base64.StdEncoding.EncodeToString(key[:]),
	}
	if u.protocol != "" {
		lines = append(lines, "Sec-WebSocket-Protocol: "+u.protocol)
	}
	w, err := e.connect(ctx, e.head(http.MethodGet, u.path, u.query, lines...))
	if err != nil {
		return answer{err: err}
	}
	defer w.Close()
	a := w.answer()
	switch {
	case a.status == http.StatusSwitchingProtocols:
		w.converse(&a, u)
	case a.silentEnd() && u.patient:
		w.outlive(&a)
	}
	return a
}

// converse exchanges the messages of u, listens a moment longer for what
// contradicts them, and then closes.
func (w *wire) converse(a *answer, u upgrade) {
	if u.say != "" {
		w.send(ws.Text, []byte(u.say))
	}
	if u.await != "" {
		w.listen(a, u.await)
	}
	if a.over() || u.await != "" && !a.said(u.await) {
		return
	}
	w.SetReadDeadline(earlier(w.limit, time.Now().Add(settle)))
	if w.listen(a, ""); a.over() {
		return
	}
	if u.finish != "" {
		w.send(ws.Text, []byte(u.finish))
	}
	w.send(ws.Close, ws.AppendClose(nil, ws.CodeNormal, ""))
	w.SetReadDeadline(earlier(w.limit, time.Now().Add(settle)))
	w.listen(new(answer), "") // for the server's Close, so that it sees an orderly end
}

// listen reads messages until one begins with await, the deadline passes, the
// server ends, or something comes that is no WebSocket frame.
func (w *wire) listen(a *answer, await string) {
	for {
		p, err := w.in.Peek(1)
		if err != nil {
			a.endedBy(err, time.Since(w.start))
			return
		}
		if p[0] == 'H' { // no frame: a final one has its first bit set, and this reserves two bits
			if line, err := w.in.ReadString('\n'); strings.HasPrefix(line, "HTTP/") {
				a.second = strings.TrimSpace(line)
			} else if err == nil {
				a.second = "a line that is no frame"
			}
			return
		}
		text, ok := w.message()
		if !ok {
			a.ended = time.Since(w.start)
			return
		}
		if a.text = append(a.text, text); await != "" && strings.HasPrefix(text, await) {
			return
		}
	}
}

// message reads one frame and returns the beginning of its payload; not ok is
// a Close or what is no frame.
func (w *wire) message() (text string, ok bool) {
	for size := 2; size <= ws.MaxHeader; size++ {
		p, err := w.in.Peek(size)
		if err != nil {
			return "", false
		}
		h, n, err := ws.ParseHeader(p)
		if err != nil {
			return "", false
		}
		if n == 0 {
			continue
		}
		_, _ = w.in.Discard(n) // these were peeked at
		var b bytes.Buffer
		for left := h.Length; left > 0; left-- {
			c, err := w.in.ReadByte()
			if err != nil {
				return "", false
			}
			if b.Len() < maxBody {
				b.WriteByte(c)
			}
		}
		return b.String(), h.Opcode != ws.Close
	}
	return "", false
}

// outlive finds out whether a server that ended its side closes the socket
// later: Node keeps such a socket half open until somebody destroys it. Who
// does is the handler that came too late.
func (w *wire) outlive(a *answer) {
	tick := time.NewTicker(feed)
	defer tick.Stop()
	for now := range tick.C {
		if now.After(w.limit) {
			return
		}
		if _, err := w.Write([]byte{0}); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				a.killed = time.Since(w.start)
			}
			return
		}
	}
}

// send sends one masked frame. That it does not arrive shows when reading.
func (w *wire) send(op ws.Opcode, payload []byte) {
	var key [4]byte
	rand.Read(key[:])
	_, _ = w.Write(ws.AppendFrame(nil, op, payload, &key))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
