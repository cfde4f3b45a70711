package tls13

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
)

// Watch follows a connection of crypto/tls, from before its handshake, until a
// Session is made of it. Where the keys of the handshake end and those of the
// connection begin does not show from outside: the first record of a direction
// that opens is the first, and from there each is followed. So tickets,
// certificates of clients and changes of keys are no special cases.
//
// It is crypto/tls's KeyLogWriter, and belongs to who makes the handshake.
type Watch struct {
	session Session
	suite   *suite // as the server has last said; nil before
	sent    post   // of the other direction's
	begun   [2]bool
	seen    int  // records
	lost    bool // crypto/tls goes on
	secrets [2][maxSecret]byte
	sizes   [2]int
	scratch []byte
}

// maxWatched is how many records a watch follows, of both directions.
const maxWatched = 512

// The two directions, by who sends.
const (
	fromClient = iota
	fromServer
)

// NewWatch returns a Watch for a client's side, or a server's.
func NewWatch(client bool) *Watch { return &Watch{session: Session{client: client}} }

// Format hides what the watch has seen.
func (w *Watch) Format(f fmt.State, _ rune) { io.WriteString(f, "tls13.Watch") } //nolint:errcheck // fmt has it

// Write takes a line of a key log (RFC 9850).
func (w *Watch) Write(line []byte) (int, error) {
	of := fromClient
	fields := bytes.Fields(line)
	if len(fields) != 3 {
		return len(line), nil
	}
	switch string(fields[0]) {
	case "SERVER_TRAFFIC_SECRET_0":
		of = fromServer
	case "CLIENT_TRAFFIC_SECRET_0":
	default:
		return len(line), nil
	}
	if n := hex.DecodedLen(len(fields[2])); n <= maxSecret {
		w.sizes[of], _ = hex.Decode(w.secrets[of][:], fields[2]) // crypto/tls has written it
		w.begin()
	}
	return len(line), nil
}

// begin has both directions be tried, once it is known with what.
func (w *Watch) begin() {
	s := w.suite
	if s == nil || w.sizes[fromClient] != s.secret || w.sizes[fromServer] != s.secret || w.session.in.suite != nil {
		return
	}
	in, out := fromClient, fromServer
	if w.session.client {
		in, out = out, in
	}
	w.session.in.begin(s, w.secrets[in][:s.secret])
	w.session.out.begin(s, w.secrets[out][:s.secret])
	if w.session.in.ready() != nil || w.session.out.ready() != nil {
		w.lost = true // this process may not (crypto/fips140)
	}
}

// Lost tells whether crypto/tls must go on: what came was not understood, or so
// much that this is more than a handshake.
func (w *Watch) Lost() bool { return w.lost }

// Incoming sees a whole record that crypto/tls reads.
func (w *Watch) Incoming(record []byte) {
	w.hello(record, w.session.client)
	w.follow(&w.session.in, &w.session.post, record, w.session.client, &w.begun[0])
}

// Outgoing sees what crypto/tls writes: whole records.
func (w *Watch) Outgoing(p []byte) {
	for len(p) > 0 {
		n, ok := RecordSize(p)
		if !ok || n > len(p) {
			w.lost = true
			return
		}
		w.hello(p[:n], !w.session.client)
		w.follow(&w.session.out, &w.sent, p[:n], !w.session.client, &w.begun[1])
		p = p[n:]
	}
}

// hello reads the suite in the hello of a server, or in what comes before that
// (RFC 8446, 4.1.3).
func (w *Watch) hello(record []byte, ofServer bool) {
	const sessionID, serverHello = headSize + messageHead + 2 + 32, 2
	if !ofServer || w.session.in.suite != nil || len(record) <= sessionID || record[0] != handshakeRecord || record[headSize] != serverHello {
		return
	}
	if at := sessionID + 1 + int(record[sessionID]); at+2 <= len(record) {
		w.suite = suiteOf(uint16(record[at])<<8 | uint16(record[at+1]))
	}
	w.begin()
}

// follow opens a record of one direction, if it is one of the connection's.
func (w *Watch) follow(h *half, m *post, record []byte, ofServer bool, begun *bool) {
	if w.seen++; w.seen > maxWatched {
		w.lost = true
	}
	if h.suite == nil || record[0] != dataRecord || w.lost {
		return
	}
	if cap(w.scratch) < len(record) {
		w.scratch = make([]byte, len(record))
	}
	p, kind, err := h.open(w.scratch, record)
	if err != nil {
		w.lost = *begun // else it is of the handshake
		return
	}
	*begun = true
	switch {
	case kind == handshakeRecord:
		n, err := m.take(p, ofServer)
		if err != nil {
			w.lost = true
		} else if n.updated {
			h.update()
		}
	case kind != dataRecord: // what an alert means, crypto/tls knows
		w.lost = true
	}
	clear(p)
}

// Session returns what goes on in the place of crypto/tls, which has read all
// that Incoming has seen. ok is false if it must go on itself. The watch is over.
func (w *Watch) Session() (s *Session, ok bool) {
	defer w.Clear()
	if w.lost || w.session.in.suite == nil || w.sent.within() {
		return nil, false
	}
	made := w.session
	return &made, true
}

// Clear overwrites the secrets.
func (w *Watch) Clear() { *w = Watch{lost: true} }
