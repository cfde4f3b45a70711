// Package proxy assembles usher: certificates, the front, the handshake, the
// relays, what serves namespaces, what forwards plain requests, and the
// operators' address, from the start of a process, or its taking over from
// another, through reloads to its end.
//
// # The life of a socket
//
//	1 main, command       read the routes file (config), build a Server, run it
//	2 relay.Group         one of its event loops accepts the client and gives it a Seat
//	3 front               the Seat's owner, a client: believes the PROXY protocol (proxyproto),
//	                      has a worker make the handshake of TLS (certs) once the whole ClientHello
//	                      is here, waits for a whole head that breaks no rule of the wire (http1)
//	4 handshake           is it a valid upgrade, is there a route for it (route), may this page,
//	                      and this client (auth), is it the first claim of its connection? Then it is an Exchange, a
//	                      machine without I/O, which front drives on the loop (shake.go)
//	5 upstream            which endpoint; a second Seat is connected to it
//	6 handshake           asks it, verifies its 101, opens the session; front writes the client's
//	7 relay.Group.Join    both Seats become a session of the loop, where they have always been
//	8 relay               records of TLS 1.3 are opened and sealed (tls13), frame headers are
//	                      checked (ws), frames pass; at its end a session
//	                      (session) has a cause, once, and leaves a line (sessionlog.go)
//
// All else leaves the loop behind hop 3 or 6 with the bytes that have come, and is
// a guest of net/http's (guest.go): plain requests, refusals, what an endpoint says
// in place of 101, upgrades whose endpoint takes more than a TCP connection, and
// HTTP/2 (http2). There a goroutine drives the same Exchange (handshake/drive.go).
//
// Whoever says no on the way makes a refusal.Error, and one Writer tells the
// client, the log and the metrics.
//
// A request that is no upgrade goes by net/http to forward; package plain bounds
// what its client makes usher wait for. Under a route with
// namespaces all goes by net/http to package namespaces, which is the Engine.IO
// server that the client speaks with (a poll that waits is parked, and its client
// comes back to a loop with the answer: front/park.go): it keeps the sids,
// answers polling, and gives a verdict on upgrades. Its sessions are fans of
// relay: one client, and a leg for each upstream, opened as in hops 5 and 6; what
// they say to each other is decided by demux, without I/O. With "relay: messages"
// package messages has both sockets instead of hop 7.
//
// # What never changes, and who owns what does
//
// A live is how one routes file serves: a table, a pool of upstreams, a handshake
// handler. A reload prepares another (prepared.go: all that may fail) and commits
// it; a request ends with the one that it began with. Each loop of relay owns its
// seats and sessions; front says what becomes of a client until it is handed on,
// and knows who is in flight; session.Registry knows all sessions. auth.Rechecks knows
// whom the service of forward is asked about again, and says who may stay no longer:
// Server ends those (rechecks.go), and the oldest of a user who has too many (opened.go).
//
// # The next process
//
// An upgrade starts the program anew (upgrade.go), which takes the listening sockets
// and says when it serves (handover). Then relay packs the sessions that are data,
// a few at a time, and transfer gives them, with their descriptors, over a channel:
// each is the other's as soon as that has said so, and goes on here if it does not.
// What cannot move drains.
//
// # The other nodes
//
// An usher of a fleet (fleet.go) has a link to each other one. A request whose sid
// is another's leaves hop 4 for package namespaces as all under such a route, which
// finds by owner whose it is, and passes it on by link; there it comes to the same
// package as one whose client is let in (handshake/passed.go). A WebSocket is a
// session of both: at the node where it came of the relay alone, and of a fan there.
//
// # Packages
//
// Arrows point from I/O to pure code; deps_test.go holds every package to who it
// may import, and to the modules that it alone may.
//
//	pure             ws, http1, tls13, engineio, socketio, demux, affinity, redact, tap
//	wire and system  socket, proxyproto, h2connect, http2, watch
//	the file         config, nginx (which makes one), route, headers
//	hops             front, handshake, auth, upstream, refusal, limits, plain, pages, forward, encode, namespaces, relay, messages
//	state            session, certs, handover, transfer
//	the fleet        fleet/keys, fleet/store, fleet/certstore, fleet/link, fleet/owner, fleet/member
//	operators        accesslog, admin, incident, metrics, tracing, command, command/line, command/help, doctor, demo
//
// # Words
//
// client, upstream, endpoint, route, table, handshake, claim, leg, session, relay,
// loop, poller, mailbox, drain, watermark, cause; frame, message, fragment, control
// frame as in RFC 6455; packet, sid, transport, namespace, ack, attachment as in
// Engine.IO and Socket.IO; check for a health check, probe for Engine.IO's.
package proxy
