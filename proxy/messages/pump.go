package messages

import (
	"bufio"
	"net"
	"net/http"
	"net/url"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/koding/websocketproxy"
)

// bufferSize is the library's, per direction. Longer messages than that reach
// leg.Write in fragments.
const bufferSize = 4 << 10

// pump is the library, set up so that it does nothing but pass messages on.
type pump struct {
	upgrader *websocket.Upgrader
	buffers  *sync.Pool
}

func newPump() pump {
	buffers := &sync.Pool{}
	return pump{
		upgrader: &websocket.Upgrader{
			ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, WriteBufferPool: buffers,
			CheckOrigin: func(*http.Request) bool { return true }, // the handshake did, by the route's rules
		},
		buffers: buffers,
	}
}

// run has the library pass messages between the legs of p until p is over.
func (m pump) run(p *pair) {
	library := websocketproxy.WebsocketProxy{
		Backend: func(*http.Request) *url.URL { return &url.URL{Scheme: "ws", Host: "upstream", Path: "/"} },
		Dialer: &websocket.Dialer{
			NetDial:        func(string, string) (net.Conn, error) { return &p.upstream, nil },
			ReadBufferSize: bufferSize, WriteBufferSize: bufferSize, WriteBufferPool: m.buffers,
		},
		Upgrader: m.upgrader,
	}
	library.ServeHTTP(&stage{leg: &p.client}, libraryRequest())
}

// libraryRequest is a client's half of a handshake, for the library only.
func libraryRequest() *http.Request {
	return &http.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/"}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{
			"Connection":            {"Upgrade"},
			"Upgrade":               {"websocket"},
			"Sec-Websocket-Version": {"13"},
			"Sec-Websocket-Key":     {"dGhlIHNhbXBsZSBub25jZQ=="},
		},
	}
}

// stage is the http.ResponseWriter that the library takes the client's leg
// from. What it says in HTTP goes nowhere: the client has its 101.
type stage struct {
	leg    *leg
	header http.Header
}

// Header returns headers that nobody reads.
func (s *stage) Header() http.Header {
	if s.header == nil {
		s.header = http.Header{}
	}
	return s.header
}

// Write drops p.
func (s *stage) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader does nothing.
func (s *stage) WriteHeader(int) {}

// Hijack returns the client's leg. The library refuses a client that has sent
// frames already, so that those wait in the leg, not in the buffer.
func (s *stage) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return s.leg, bufio.NewReadWriter(bufio.NewReaderSize(s.leg, 16), bufio.NewWriterSize(s.leg, 16)), nil
}
