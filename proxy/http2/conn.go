package http2

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"net"
	"net/http"

	"usher/proxy/h2connect"
)

// Conn is a TLS connection as the server of HTTP/2 sees it: as one without
// TLS, because net/http puts nothing between itself and a tls.Conn. It knows
// whether its client is to be told that it may open a WebSocket on a stream.
type Conn struct {
	net.Conn
	state     *tls.ConnectionState
	websocket bool
	began     bool // the settings are written; owned by the server
}

// NewConn returns c, past its TLS handshake, as a Server takes it.
func NewConn(c *tls.Conn, websocket bool) *Conn {
	state := c.ConnectionState()
	return &Conn{Conn: c, state: &state, websocket: websocket}
}

// errSettings is for a server that does not begin with its settings, which it
// must (RFC 9113, 3.4).
var errSettings = errors.New("http/2 does not begin with whole settings, and " + h2connect.Setting + " may be in them")

// Write hides the setting that announces WebSocket from whoever must not know:
// for net/http it is the same for all connections of a process.
func (c *Conn) Write(p []byte) (int, error) {
	if c.began || c.websocket {
		return c.Conn.Write(p)
	}
	c.began = true
	rest, ok := hideConnect(p)
	if !ok {
		return 0, errSettings
	}
	if _, err := c.Conn.Write(rest); err != nil {
		return 0, err
	}
	return len(p), nil
}

const (
	frameHead     = 9 // RFC 9113, 4.1
	frameSettings = 4
	settingLength = 6
	enableConnect = 8 // RFC 8441, 3
)

// hideConnect returns p, which begins with a SETTINGS frame, without the
// setting for extended CONNECT.
func hideConnect(p []byte) ([]byte, bool) {
	if len(p) < frameHead || p[3] != frameSettings {
		return nil, false
	}
	length := int(p[0])<<16 | int(p[1])<<8 | int(p[2])
	if length%settingLength != 0 || len(p) < frameHead+length {
		return nil, false
	}
	kept := append(make([]byte, 0, len(p)), p[:frameHead]...)
	for at := frameHead; at < frameHead+length; at += settingLength {
		if one := p[at : at+settingLength]; binary.BigEndian.Uint16(one) != enableConnect {
			kept = append(kept, one...)
		}
	}
	kept[2], kept[1], kept[0] = byte(len(kept)-frameHead), byte((len(kept)-frameHead)>>8), byte((len(kept)-frameHead)>>16)
	return append(kept, p[frameHead+length:]...), true
}

type connKey struct{}

// connContext is the server's hook of that name.
func (s *Server) connContext(ctx context.Context, c net.Conn) context.Context {
	return s.config.ConnContext(context.WithValue(ctx, connKey{}, c), c)
}

// ConnOf returns the connection of r, which a Server has served.
func ConnOf(r *http.Request) *Conn { return r.Context().Value(connKey{}).(*Conn) }
