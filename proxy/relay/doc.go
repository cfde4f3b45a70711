// Package relay has the event loops. They accept clients, have seats for the
// sockets of those that ask for a session, and of the endpoints that are asked,
// and move frames between the two legs of each session, from the moment both
// handshakes are done until both sockets are closed.
//
// # Ownership
//
// A Group has a few loops. Adopt gives both sockets of a session to one of
// them, and from then on only that loop's goroutine touches them: there are no
// locks behind the mailbox. Others speak to a loop by posting to its mailbox;
// a wake-up is sent only if none is under way.
//
// To a loop a socket is a line, whose user says what becomes of what is read
// from it. A pair, which relays between the two legs of a plain session, is one;
// so is a strand, of which a fan, the session of a client of a route with
// namespaces, has one for the client and one for each upstream that it joined.
// What a fan's packets mean is decided by package demux.
//
// A Seat is a line, too: of a socket that is no session's yet. Its Owner, who
// may be of any package, is called in the loop's turn. From there a socket
// goes to a session, with another of the same loop (Join), to a goroutine
// (Leave), or nowhere (Close).
//
// The clients of a listener are accepted by all loops, each when it is idle, and
// stay where they are unless another loop has noticeably fewer. Loops go on
// when all sessions are over, for those who are to hear that: until Close.
//
// # One turn
//
// Each turn takes the time once, empties the mailbox, asks the poller what
// became ready (without blocking while there is work left), moves bytes, and
// runs the timers that are due. A leg that never stops sending gets a bounded
// share of a turn, and all those that do take turns at it, so that how long the
// others wait does not follow from how many they are.
//
// # Bytes
//
//   - What a leg sends is read into the loop's one buffer, checked by a
//     ws.Checker, and written to the other leg straight from there. Payload
//     bytes are never changed.
//   - The bytes of an incomplete header or control frame are held back, 138 at
//     most: what breaks a rule was never forwarded.
//   - What the other leg does not take is copied into its output, and its peer
//     is not read again until that is gone: the high watermark is one buffer,
//     the low one is nothing.
//   - usher's own frames (ping, close) are inserted only between two frames.
//   - Long payloads that need no look are moved by splice(2) where both legs
//     are plain sockets.
//
// # Events
//
// The poller is edge-triggered: a leg remembers that it is readable until a
// read comes back short. An event names a slot and its generation, so that one
// meant for a socket that is gone is dropped. On Linux the poller is epoll;
// elsewhere, and with the build tag "portable", a goroutine for each leg waits
// in Go's own poller.
//
// # TLS
//
// A tls.Conn over a socket.Detachable is adopted like any other. If that was
// watched, and it is TLS 1.3, its records are the loop's own business from then
// on (package tls13): they are opened into the loop's buffer and sealed into its
// output, and what is kept of the line is data. The ciphers are made again when
// they are needed: only the lines that were used last have theirs ready.
//
// With any other the ciphertext is read by the loop and fed to the tls.Conn by
// hand; a read that finds no whole record returns a temporary error, after which
// crypto/tls goes on where it stopped. A test holds crypto/tls to that.
//
// # Another process
//
// A session that is data can go on elsewhere. Move has each loop put some aside,
// off its poller, as Parcels: their state, with times as how long ago they were,
// and their descriptors. While one is away nothing is read or written, and what is
// asked of it waits. Then it is another's, and is let go without a word, or it goes
// on here as if nothing had been.
//
// # The end
//
// A session ends once. The first thing that goes wrong is its cause; whoever
// is still there gets a Close frame as soon as the frame that is being sent to
// it is complete; each socket is closed when both Close frames have passed, or
// when closeTimeout is over.
package relay
