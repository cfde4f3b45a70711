package proxy_test

import (
	"bytes"
	"compress/flate"
	"io"
	"strings"
	"testing"

	"usher/proxy/ws"
)

// Row 59 of the attacks: a client that asks for what costs memory, and then sends
// messages that are a thousand times what they were on the wire.
func TestAttack59Deflate(t *testing.T) {
	const takeover = "; server_no_context_takeover; client_no_context_takeover"
	bomb := func(p string) []byte {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, p)
		w.Flush()
		key := [4]byte{1, 2, 3, 4}
		frame := ws.AppendFrame(nil, ws.Text, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")), &key)
		frame[0] |= 0x40
		return frame
	}
	large := bomb(`42["` + strings.Repeat("a", 64<<20) + `"]`)
	if len(large) > 64<<20/900 {
		t.Fatalf("the bomb has %d bytes", len(large))
	}
	small := bomb(`42["` + strings.Repeat("a", 900_000) + `"]`)
	for name, tt := range map[string]struct {
		offer, agreed string
		sent          []byte
		code          int
	}{
		"context takeover":     {"permessage-deflate", takeover, large, 1009},
		"window of the least":  {"permessage-deflate; server_max_window_bits=8; client_max_window_bits=8", takeover, large, 1009},
		"window of the client": {"permessage-deflate; client_max_window_bits", takeover, large, 1009},
		"many offers":          {strings.TrimSuffix(strings.Repeat("permessage-deflate; x=1, ", 100), ", ") + ", permessage-deflate", takeover, large, 1009},
		"window of 7":          {"permessage-deflate; server_max_window_bits=7", "", large, 1002},
		"no offer":             {"", "", large, 1002},
		"many small ones":      {"permessage-deflate", takeover, bytes.Repeat(small, 200), 1008},
	} {
		t.Run(name, func(t *testing.T) {
			main := newTestService(t, "main")
			b := newTestBroker(t, strings.Replace(split(main, main, ""), "    socketio:", "    compress: true\n    max_rate: {bytes: 20MiB}\n    socketio:", 1))
			c := dialRaw(t, b.address)
			head := strings.Replace(upgradeHead, "/ws", "/socket.io/?EIO=4&transport=websocket", 1)
			if tt.offer != "" {
				head = strings.Replace(head, "Connection:", "Sec-WebSocket-Extensions: "+tt.offer+"\r\nConnection:", 1)
			}
			io.WriteString(c, head)
			resp, behind := readHead(t, c)
			if got := resp.Header.Get("Sec-WebSocket-Extensions"); (got == "") != (tt.agreed == "") || !strings.Contains(got, tt.agreed) {
				t.Errorf("agreed: got %q, want %q in it", got, tt.agreed)
			}
			go c.Write(tt.sent) // it may be refused before its end
			for {
				op, p := wantFrame(t, behind)
				if op != ws.Close {
					continue
				}
				if got := int(p[0])<<8 | int(p[1]); got != tt.code {
					t.Errorf("close: got %d %s, want %d", got, p[2:], tt.code)
				}
				break
			}
			if n := len(main.got()); n > 40<<20 {
				t.Errorf("upstream: got %d bytes", n)
			}
		})
	}
}

// wantFrame reads a short frame of a server.
func wantFrame(t *testing.T, r io.Reader) (ws.Opcode, []byte) {
	t.Helper()
	var head [4]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		t.Fatalf("frame: %v", err)
	}
	n := int(head[1])
	if n == 126 {
		io.ReadFull(r, head[2:])
		n = int(head[2])<<8 | int(head[3])
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(r, p); err != nil {
		t.Fatalf("frame: %v", err)
	}
	return ws.Opcode(head[0] & 15), p
}
