//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
)

// scenario is one way to use a proxy.
type scenario struct {
	name  string
	title string
	extra bool      // only when asked for
	slow  bool      // repeated -idle-rounds times at most
	nodes bool      // the upstream is Socket.IO servers
	pages bool      // plain requests: not every proxy forwards those
	token bool      // clients show tokens that end: not every proxy wants some
	over  transport // that alone; "" for all
	run   func(t *trial) ([]value, error)
}

// metric is one figure of a scenario; less is better in all of them.
type metric struct {
	name   string
	digits int // after the point
}

func (m metric) format(v float64) string { return fmt.Sprintf("%.*f", m.digits, v) }

// value is what a trial yields for a metric.
type value struct {
	metric metric
	value  float64
}

var (
	perRoundTrip = metric{"µs CPU per round trip", 1}
	perGiB       = metric{"s CPU per GiB", 2}
	perMessage   = metric{"µs CPU per message", 1}
	perForwarded = metric{"µs CPU per forwarded event", 2}
	perSession   = metric{"KiB resident per session", 1}
	perHandshake = metric{"µs CPU per handshake", 0}
	perRequest   = metric{"µs CPU per request", 1}
	perHalf      = metric{"KiB resident per connection", 1}
	perSocket    = metric{"KiB resident per socket", 1}
	whileIdle    = metric{"ms CPU in 10 s", 1}
	median       = metric{"µs latency, p50", 0}
	tail         = metric{"µs latency, p99", 0}

	toLastClose   = metric{"ms from the end of the tokens to the last Close", 0}
	tailBefore    = metric{"µs latency of others, p99, before it", 0}
	tailMeanwhile = metric{"µs latency of others, p99, in that second", 0}
)

const kib, mib, gib = 1 << 10, 1 << 20, 1 << 30

// scenarios is all that can be run, in the order of the report.
func scenarios() []scenario {
	return []scenario{
		{name: "echo128x64", title: "echo, 128 B text, 64 sockets", run: echo{64, smallMessage, opText}.run},
		{name: "echo128x1000", title: "echo, 128 B text, 1,000 sockets", run: echo{1000, smallMessage, opText}.run},
		{name: "rate5000x500", title: "5,000 messages a second, 128 B text, 500 sockets", run: rate{500, 5000}.run},
		{name: "fanout1000", title: "fan-out from the upstream, 128 B text, 1,000 sockets", run: fanout{1000}.run},
		{name: "echo1k", title: "echo, 1 KiB text, 64 sockets", run: echo{64, kib, opText}.run},
		{name: "echo16k", title: "echo, 16 KiB binary, 64 sockets", run: echo{64, 16 * kib, opBinary}.run},
		{name: "echo1m", title: "echo, 1 MiB binary, 8 sockets", run: echo{8, mib, opBinary}.run},
		{name: "echo16ktext", title: "echo, 16 KiB text, 64 sockets", run: echo{64, 16 * kib, opText}.run, extra: true},
		{name: "echo1mtext", title: "echo, 1 MiB text, 8 sockets", run: echo{8, mib, opText}.run, extra: true},
		{name: "handshake", title: "connect, upgrade, disconnect", run: handshakes{}.run},
		{name: "resumed", title: "connect, upgrade, disconnect, TLS resumed", run: resumed, over: overTLS},
		{name: "busy1000", title: "1,000 sockets with 5,000 messages a second, during 400 handshakes a second", run: busy{rate{1000, 5000}, 400}.run},
		{name: "halfhead", title: "4,000 half request heads", run: half{4000, halfHead}.run, over: overTCP, slow: true},
		{name: "halfhello", title: "4,000 half TLS hellos", run: half{4000, halfHello}.run, over: overTLS, slow: true},
		{name: "page1k", title: "plain GET of 1 KiB, kept alive, 16 clients", run: page{atATime}.run, pages: true},
		{name: "idle9000", title: "9,000 idle sockets", run: idle{9000}.run, slow: true},
		{name: "expire9000", title: "9,000 sockets whose tokens end in one second, and 500 with 2,000 messages a second", run: expiring{rate{500, 2000}, 9000}.run, token: true, extra: true, slow: true},
		{name: "socketio", title: "Socket.IO, events of 50 B, 20 sessions in 3 namespaces", run: events{20, 32}.run, nodes: true, extra: true},
		{name: "socketio1", title: "Socket.IO, one event of 50 B in flight, 60 sessions in 3 namespaces", run: events{60, 1}.run, nodes: true, extra: true},
		{name: "socketiorate", title: "Socket.IO, 300 events a second, 20 sessions in 3 namespaces", run: eventRate{20, 300}.run, nodes: true, extra: true},
		{name: "socketioidle1", title: "Socket.IO, 2,000 idle sessions in 1 namespace", run: idleSessions{2000, 1, false}.run, nodes: true, extra: true, slow: true},
		{name: "socketioidle3", title: "Socket.IO, 2,000 idle sessions in 3 namespaces", run: idleSessions{2000, 3, false}.run, nodes: true, extra: true, slow: true},
		{name: "socketiopoll", title: "Socket.IO, 2,000 sessions by polling in 1 namespace", run: idleSessions{2000, 1, true}.run, nodes: true, extra: true, slow: true},
	}
}

// suits tells whether s can be measured with x in that way.
func (s scenario) suits(x *proxy, how transport) bool {
	return (s.over == "" || s.over == how) && !(how == overTLS && x.noTLS) && !(s.pages && x.noPages) && !(s.token && x.signer == nil)
}

func scenarioNames() string {
	var names []string
	for _, s := range scenarios() {
		if s.extra {
			s.name += "*"
		}
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// pickScenarios finds what the command line names.
func pickScenarios(text string) ([]scenario, error) {
	all := scenarios()
	if text == "" {
		return slices.DeleteFunc(all, func(s scenario) bool { return s.extra }), nil
	}
	var picked []scenario
	for name := range strings.SplitSeq(text, ",") {
		i := slices.IndexFunc(all, func(s scenario) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown scenario %q: have %s", name, scenarioNames())
		}
		picked = append(picked, all[i])
	}
	return picked, nil
}
