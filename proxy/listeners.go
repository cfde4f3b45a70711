package proxy

import (
	"fmt"
	"log/slog"
	"net"
	"slices"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/socket"
)

// listeners are those of one routes file, and what sets them apart from those
// of the file before.
type listeners struct {
	wanted  []config.Listener
	all     []*front.Listener // in the order of wanted
	opened  []*front.Listener
	changed []*front.Listener // of the file before, and speak otherwise now
	unused  []*front.Listener // of the file before
}

// listen opens the listeners of cfg that are neither among the old ones nor
// inherited, or none.
func listen(cfg *config.Config, old []*front.Listener, from *handover.Inheritance, log *slog.Logger) (*listeners, error) {
	ls := &listeners{wanted: cfg.Listen, unused: slices.Clone(old)}
	for _, want := range cfg.Listen {
		i := slices.IndexFunc(ls.unused, func(l *front.Listener) bool { return l.Is(want.Address) })
		if i >= 0 {
			ls.all = append(ls.all, ls.unused[i])
			ls.unused = slices.Delete(ls.unused, i, i+1)
			continue
		}
		l, err := front.Open(want, from, cfg.HandshakeTimeout, log)
		if err != nil {
			closeAll(ls.opened)
			return nil, fmt.Errorf("%s:%d:%d: %w", cfg.File, want.Line, want.Column, err)
		}
		ls.all, ls.opened = append(ls.all, l), append(ls.opened, l)
	}
	return ls, nil
}

// speak has each listener speak as cfg says, with the certificates of keeper.
// If that is the one of before, listeners keep them, and with them the keys of
// their session tickets.
func (ls *listeners) speak(cfg *config.Config, keeper *certs.Keeper, same bool) {
	names := certs.Names(cfg)
	for i, l := range ls.all {
		want, old := ls.wanted[i], l.Speech()
		how := &front.Speech{Leads: want.Redirect, Proxies: want.ProxyProtocol, WebSocket: cfg.TLS.H2WebSocket, Own: cfg.TLS.Handover}
		if want.TLS {
			how.Names, how.Demand = names, cfg.TLS.Ask != ""
		}
		switch {
		case !want.TLS:
		case same && old != nil && old.TLS != nil:
			how.TLS = old.TLS
		default:
			how.TLS = socket.Watched(keeper.Config(want))
		}
		if l.Speak(how) {
			ls.changed = append(ls.changed, l)
		}
		l.SetMode(want)
	}
}

// reachable returns where an authority comes first, without TLS and with it; nil
// for nowhere.
func reachable(cfg *config.Config, all []*front.Listener) (plain, secure net.Addr) {
	for i, want := range cfg.Listen {
		_, unix := want.UnixPath()
		switch {
		case unix:
		case !want.TLS && plain == nil:
			plain = all[i].Addr()
		case want.TLS && secure == nil:
			secure = all[i].Addr()
		}
	}
	return plain, secure
}

// closeAll undoes listen.
func closeAll(all []*front.Listener) {
	for _, l := range all {
		l.Close()
	}
}
