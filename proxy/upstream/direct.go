package upstream

import (
	"context"
	"net/netip"
	"strconv"
	"time"

	"usher/proxy/config"
)

// Prompt tells whether a request can be led, and its endpoint be picked, without
// waiting for anybody: no name has to be looked up first.
func (u *Upstream) Prompt() bool {
	for i := range u.members {
		e := u.members[i].Endpoint // the rest is guarded by mu
		if e.names != nil && (!e.hasAddresses() || len(e.names.known()) == 0) {
			return false
		}
	}
	return true
}

// Direct returns where e is reached by a TCP connection and nothing more, and
// within what time, 0 for any; at is as for DialAddress. It is not ok if there is
// more to do, such as TLS, or if it may take long, such as to look a name up: that
// is Dial's matter. The caller connects, and calls Connected or Missed.
func (e *Endpoint) Direct(at netip.Addr) (to netip.AddrPort, within time.Duration, ok bool) {
	if e.network != "tcp" || e.Scheme != config.HTTP || e.Announces() || e.settings.Dial != nil {
		return to, 0, false
	}
	within = time.Duration(e.dialTimeout.Load())
	if e.names == nil {
		to, err := netip.ParseAddrPort(e.Address)
		return to, within, err == nil && to.Addr().Zone() == "" && !to.Addr().IsUnspecified()
	}
	list, _ := e.names.good()
	if !e.hasAddresses() || len(list) == 0 {
		return to, 0, false
	}
	if n := len(list); n > 1 && !at.IsValid() {
		within = min(within, max(within/time.Duration(n), leastShare))
	}
	if !at.IsValid() {
		at = list[0]
	}
	port, err := strconv.ParseUint(e.names.port, 10, 16)
	return netip.AddrPortFrom(at, uint16(port)), within, err == nil && at.Zone() == ""
}

// Connected notes that a caller of Direct has connected by now, or why not. The
// error is as that of Dial.
func (e *Endpoint) Connected(ctx context.Context, now time.Time, took time.Duration, err error) error {
	if err != nil {
		return e.failed(ctx, now, false, err)
	}
	e.connected(now, took)
	return nil
}

// Missed notes that a caller of Direct has not reached an address of e, for which
// it took so long, and tells whether Dial may reach e at others.
func (e *Endpoint) Missed(a netip.Addr, took time.Duration) (others bool) {
	if e.names == nil {
		return false
	}
	e.names.fail(a)
	timeout := time.Duration(e.dialTimeout.Load())
	return timeout == 0 || took < timeout
}
