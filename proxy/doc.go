// Package proxy assembles usher: certificates, the front, the handshake, the
// relays, what serves namespaces, what forwards plain requests, and the
// operators' address, from the start of a process, or its taking over from
// another, through reloads to its end.
//
// # The life of a socket
//
//	1 main, command       read the routes file (config), build a Server, run it
//	2 front               accepts (socket), believes the PROXY protocol (proxyproto), does TLS
//	                      (certs), checks the bytes of the request (http1): who breaks a rule of
//	                      the wire is answered here. HTTP/2 goes to http2 and comes back
//	3 proxy.requests      tells handshakes from plain requests, and who has sent them (headers)
//	4 handshake           is it a valid upgrade?           no: 4xx that names the broken rule
//	  route.Table.Match   host and path to a route         none: 404, or 421 for another host
//	  checkOrigin, claim  may this page, and is it the first claim of its connection?
//	5 upstream            an endpoint, and a connection    none: 503, refused: 502, too slow: 504
//	6 handshake           asks it (ask), verifies its 101, takes the client over, writes the client's 101
//	7 relay.Group.Adopt   both sockets move to one event loop; nobody else touches them again
//	8 relay               frame headers are checked (ws), frames pass; at its end a session
//	                      (session) has a cause, once, and leaves a line (sessionlog.go)
//
// Whoever says no on the way makes a refusal.Error, and one Writer tells the
// client, the log and the metrics.
//
// A request that is no upgrade goes from hop 4 to forward. Under a route with
// namespaces hop 4 asks package namespaces, which is the Engine.IO server that
// the client speaks with: it keeps the sids, answers polling, and gives a verdict
// on upgrades. Its sessions are fans of relay: one client, and a leg for each
// upstream, which hops 5 and 6 open; what they say to each other is decided by
// demux, without I/O. With "relay: messages" package messages has both sockets
// instead of hop 7.
//
// # What never changes, and who owns what does
//
// A live is how one routes file serves: a table, a pool of upstreams, a handshake
// handler. A reload prepares another (prepared.go: all that may fail) and commits
// it; a request ends with the one that it began with. The front owns connections
// until they are handed on, and knows who is in flight; each loop of relay owns
// its sessions; session.Registry knows all of them.
//
// # Packages
//
// Arrows point from I/O to pure code; deps_test.go holds every package to who it
// may import, and to the modules that it alone may.
//
//	pure             ws, http1, engineio, socketio, demux, affinity, redact, tap
//	wire and system  socket, proxyproto, h2connect, http2, watch
//	the file         config, route, headers
//	hops             front, handshake, upstream, refusal, forward, namespaces, relay, messages
//	state            session, certs, handover
//	operators        admin, metrics, tracing, command, doctor, demo
//
// # Words
//
// client, upstream, endpoint, route, table, handshake, claim, leg, session, relay,
// loop, poller, mailbox, drain, watermark, cause; frame, message, fragment, control
// frame as in RFC 6455; packet, sid, transport, namespace, ack, attachment as in
// Engine.IO and Socket.IO; check for a health check, probe for Engine.IO's.
package proxy
