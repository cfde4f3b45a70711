package front

import (
	"log/slog"
	"net"

	"usher/proxy/handshake"
	"usher/proxy/headers"
	"usher/proxy/refusals"
)

// unserved counts and logs the requests that no handler sees, because their
// bytes broke a rule.
type unserved struct {
	// static after construction
	log      *slog.Logger
	counters *handshake.Counters

	rules refusals.Tally // by rule, of which there are few
}

// note tells of one refusal on a listener.
func (u *unserved) note(status int, rule string, on *Listener, client net.Addr) {
	u.counters.Refused(handshake.Head)
	who := headers.Sender{Client: headers.Peer(client.String())}
	u.rules.Note(u.log, slog.LevelInfo, refusals.Kind{Reason: rule}, "request refused",
		slog.Int("status", status), slog.String("reason", handshake.Head.String()), slog.String("rule", rule),
		slog.String("listener", on.Addr().String()), slog.String("client", who.Address()))
}
