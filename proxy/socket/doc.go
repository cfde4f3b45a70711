// Package socket opens the sockets of both legs so that an event loop can take
// them over cheaply.
//
// A connection of package net enters Go's poller when it is made, and leaving
// it again takes a duplicate of the descriptor. Most handshakes are over before
// a socket had to be waited for more than once, if at all: on Linux a Conn
// reads and writes its descriptor directly, and enters Go's poller only when
// there is nothing to read or no room to write. It behaves as any net.Conn
// does. Detach hands the descriptor out.
//
// Listeners can be shared with another process (Share, Inherit), as by systemd
// and by an upgrade of the program.
//
// On other systems, and with the build tag "portable", the sockets are those
// of package net.
package socket
