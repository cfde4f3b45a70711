package refusal

import (
	"log/slog"
	"net"
	"sync"

	"usher/proxy/headers"
)

// Handshake is what became of a client's TLS handshake. The set is fixed: it is a
// metric label.
type Handshake string

// What becomes of them.
const (
	Secured       Handshake = "ok"
	SpokePlain    Handshake = "plain_http"     // HTTP where TLS was due
	SpokeOther    Handshake = "not_tls"        // what is neither
	NoCertificate Handshake = "no_certificate" // for the name that was asked for
	ClientRefused Handshake = "client_refused" // the client says no: it does not trust the certificate, say
	ClientUnknown Handshake = "client_unknown" // its own certificate is missing, or not trusted
	ClientGone    Handshake = "client_gone"    // in the midst of it
	ClientSlow    Handshake = "timeout"
	NoAgreement   Handshake = "protocol" // no version or suite in common, or a rule is broken
)

var handshakes = []Handshake{Secured, SpokePlain, SpokeOther, NoCertificate, ClientRefused, ClientUnknown, ClientGone, ClientSlow, NoAgreement}

// maxName is how much of a name is told that a client has asked for.
const maxName = 253 // RFC 1035, section 2.3.4

// HandshakeTotal is how many handshakes became the same.
type HandshakeTotal struct {
	Result Handshake
	Count  uint64
	Name   string // that the last one asked for
}

// tlsTally counts handshakes. Its zero value is ready.
type tlsTally struct {
	tally tally

	mu   sync.Mutex
	last map[Handshake]string // guarded by mu
}

// CountTLS counts a handshake that came about, or of which there is a line.
func (wr *Writer) CountTLS(h Handshake) { wr.tls.tally.count(h.kind()) }

// NoteTLS counts a handshake that failed with err, and has it leave a line. name is
// what the client has asked for, "" if it has not.
func (wr *Writer) NoteTLS(h Handshake, name string, client, listener net.Addr, err error) {
	if len(name) > maxName {
		name = name[:maxName]
	}
	wr.tls.mu.Lock()
	if wr.tls.last == nil {
		wr.tls.last = make(map[Handshake]string)
	}
	wr.tls.last[h] = name
	wr.tls.mu.Unlock()
	who := headers.Sender{Client: headers.Peer(client.String())}
	wr.tls.tally.note(wr.Log, slog.LevelInfo, h.kind(), "tls handshake failed", slog.String("reason", string(h)), slog.String("name", name),
		slog.String("listener", listener.String()), slog.String("client", who.Address()), slog.Any("err", err))
}

// TLS returns what became of all handshakes; each result is there.
func (wr *Writer) TLS() []HandshakeTotal {
	totals := wr.tls.tally.totals()
	wr.tls.mu.Lock()
	defer wr.tls.mu.Unlock()
	list := make([]HandshakeTotal, 0, len(handshakes))
	for _, h := range handshakes {
		list = append(list, HandshakeTotal{Result: h, Count: totals[h.kind()], Name: wr.tls.last[h]})
	}
	return list
}

func (h Handshake) kind() Kind { return Kind{Reason: string(h)} }
