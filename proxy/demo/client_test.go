package demo_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/proxy/waittest"
	"usher/proxy/ws"
)

// client is a WebSocket client on usher's address.
type client struct {
	net.Conn
	in *bufio.Reader
}

// connect opens a WebSocket, and tries again while usher has nobody to ask.
func (d *running) connect(t *testing.T, name string) *client {
	t.Helper()
	address := strings.TrimPrefix(d.base, "http://")
	var opened *client
	waittest.Until(t, "somebody at /"+name, func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(waittest.Patience))
		io.WriteString(conn, "GET /"+name+" HTTP/1.1\r\nHost: "+address+"\r\nOrigin: "+d.base+
			"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		in := bufio.NewReader(conn)
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode == http.StatusSwitchingProtocols {
			d.closed(func() { conn.Close() })
			opened = &client{Conn: conn, in: in}
			return true
		}
		conn.Close()
		if r.StatusCode != http.StatusBadGateway && r.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("/%s: got %s, want 101, 502 or 503", name, r.Status)
		}
		return false
	})
	return opened
}

func (c *client) say(t *testing.T, text string) {
	t.Helper()
	key := [4]byte{1, 2, 3, 4}
	if _, err := c.Write(ws.AppendFrame(nil, ws.Text, []byte(text), &key)); err != nil {
		t.Fatal(err)
	}
}

// next returns the next message of that kind.
func (c *client) next(t *testing.T, kind string) heard {
	t.Helper()
	for {
		op, payload := c.frame(t)
		if op != ws.Text {
			t.Fatalf("got a %v frame, want a message of kind %q", op, kind)
		}
		if m := parse(t, payload); m.Kind == kind {
			return m
		}
	}
}

// wantClose returns the code of the Close frame that ends the stream.
func (c *client) wantClose(t *testing.T) ws.Code {
	t.Helper()
	for {
		op, payload := c.frame(t)
		if op == ws.Close {
			code, _, err := ws.ParseClose(payload)
			if err != nil {
				t.Fatal(err)
			}
			key := [4]byte{1, 2, 3, 4}
			c.Write(ws.AppendFrame(nil, ws.Close, payload, &key))
			return code
		}
	}
}

func (c *client) frame(t *testing.T) (ws.Opcode, []byte) {
	t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(c.in, head[:2]); err != nil {
		t.Fatalf("got no frame: %v", err)
	}
	length := int(head[1])
	if length == 126 {
		if _, err := io.ReadFull(c.in, head[2:]); err != nil {
			t.Fatal(err)
		}
		length = int(binary.BigEndian.Uint16(head[2:]))
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(c.in, payload); err != nil {
		t.Fatal(err)
	}
	return ws.Opcode(head[0] & 0xF), payload
}

// heard is what a service says.
type heard struct {
	Service, Kind, Text string
	PID                 int
}

func parse(t *testing.T, payload []byte) heard {
	t.Helper()
	var m heard
	if err := json.Unmarshal(payload, &m); err != nil {
		t.Fatalf("got %q: %v", payload, err)
	}
	return m
}
