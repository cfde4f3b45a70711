package front

import (
	"net"
	"time"
)

// gone is a connection that somebody else has now: only its addresses are left.
type gone struct{ net.Conn }

// Read implements net.Conn.
func (gone) Read([]byte) (int, error) { return 0, net.ErrClosed }

// Write implements net.Conn.
func (gone) Write([]byte) (int, error) { return 0, net.ErrClosed }

// Close implements net.Conn.
func (gone) Close() error { return nil }

// SetDeadline implements net.Conn.
func (gone) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (gone) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (gone) SetWriteDeadline(time.Time) error { return nil }
