package messages

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"usher/proxy/config"
	"usher/proxy/ws"
)

// end closes a session in good order.
func (r *relayed) end() {
	r.t.Helper()
	r.client.closes(1000, "bye")
	r.upstream.wantClose("client closed", 1000, "bye")
	r.upstream.closes(1000, "")
	r.client.wantClose("upstream answered", 1000, "")
	r.client.wantEnd("both have closed")
	r.upstream.wantEnd("both have closed")
	r.wantEnd("client.closed", 1000)
}

func TestMessagesPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		for _, m := range []struct {
			op      ws.Opcode
			payload string
		}{
			{ws.Text, "Grüße"}, {ws.Binary, "\x00\xFF"}, {ws.Text, ""}, {ws.Binary, ""}, {ws.Text, long(125)}, {ws.Text, long(126)},
			{ws.Binary, long(65535)}, {ws.Text, long(65536)}, {ws.Binary, long(1 << 20)},
		} {
			r.client.send(0x80|byte(m.op), m.payload)
			r.upstream.wantMessage("from the client", m.op, m.payload)
			r.upstream.send(0x80|byte(m.op), m.payload)
			r.client.wantMessage("from the upstream", m.op, m.payload)
		}
		r.end()
		if in, out := r.session.FromClient.Messages.Load(), r.session.FromUpstream.Messages.Load(); in != 9 || out != 9 {
			t.Errorf("got %d and %d messages, want 9 and 9", in, out)
		}
	})
}

// An upstream that is too old for fragments gets none, not even those that the
// library makes of a long message.
func TestMessagesArePutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		half := long(70000)
		for _, pair := range [][2]*peer{{r.client, r.upstream}, {r.upstream, r.client}} {
			from, to := pair[0], pair[1]
			from.send(0x01, "Gr\xC3")
			from.send(0x00, "")
			to.wantNothing("the message is not complete")
			from.send(0x89, "still there?")
			to.want("a ping between fragments", "ping still there?")
			from.send(0x80, "\xBC\xC3\x9Fe")
			to.wantMessage("two fragments", ws.Text, "Grüße")
			from.send(0x02, half)
			from.send(0x80, half)
			to.wantMessage("long fragments", ws.Binary, half+half)
		}
		r.end()
	})
}

func TestMessagesSplitAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		text := "Grüße " + long(130)
		for _, pair := range [][2]*peer{{r.client, r.upstream}, {r.upstream, r.client}} {
			from, to := pair[0], pair[1]
			stream := append(from.frame(0x01, text), from.frame(0x89, "?")...)
			stream = append(append(stream, from.frame(0x80, "!")...), from.frame(0x82, "next")...)
			for split := range len(stream) + 1 {
				from.sendBytes(stream[:split])
				from.sendBytes(stream[split:])
				to.want("split", "ping ?")
				to.wantMessage("split", ws.Text, text+"!")
				to.wantMessage("split", ws.Binary, "next")
			}
		}
		r.end()
	})
}

// What was read behind the handshakes passes first.
func TestEarlyBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, u := &peer{client: true}, &peer{}
		fromClient := append(c.frame(0x81, "early"), c.frame(0x81, long(6000))...)
		fromUpstream := append(u.frame(0x81, "welcome"), u.frame(0x81, "half")[:3]...)
		r := newSession(t, setup{fromClient: fromClient, fromUpstream: fromUpstream})
		r.upstream.wantMessage("behind the request", ws.Text, "early")
		r.upstream.wantMessage("behind the request", ws.Text, long(6000))
		r.client.wantMessage("behind the 101", ws.Text, "welcome")
		r.upstream.sendBytes([]byte("alf"))
		r.client.wantMessage("begun behind the 101", ws.Text, "half")
		r.end()
		if got, want := r.session.FromUpstream.Bytes.Load(), uint64(len(fromUpstream)+3+4); got != want {
			t.Errorf("got %d bytes from the upstream, want %d", got, want)
		}
	})
}

// The library would answer pings itself: peers would not hear each other.
func TestPingsPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{})
		r.client.send(0x89, "a")
		r.upstream.want("ping", "ping a")
		r.client.wantNothing("the upstream has not answered")
		r.upstream.send(0x8A, "a")
		r.client.want("answer", "pong a")
		r.upstream.send(0x89, strings.Repeat("b", 125))
		r.client.want("ping", show(ws.Ping, true, []byte(strings.Repeat("b", 125))))
		r.upstream.wantNothing("the client has not answered")
		r.client.send(0x8A, "unasked")
		r.upstream.want("unasked answer", "pong unasked")
		r.end()
	})
}

func TestMessageLimits(t *testing.T) {
	limits := config.Limits{MaxMessage: 10, MaxFragments: 3}
	for _, tt := range []struct {
		name   string
		flags  []byte
		bodies []string
		cause  string
		code   ws.Code
		rule   string
	}{
		{"size", []byte{0x82}, []string{"0123456789a"}, "too_big", 1009, "message is longer than 10 bytes"},
		{"size over fragments", []byte{0x02, 0x80}, []string{"0123456789", "a"}, "too_big", 1009, "message is longer than 10 bytes"},
		{"fragments", []byte{0x02, 0, 0, 0}, []string{"", "", "", ""}, "too_big", 1008, "message has more than 3 fragments"},
		{"not UTF-8", []byte{0x81}, []string{"ab\xFF"}, "protocol", 1007, "text message is not UTF-8 (RFC 6455, 5.6)"},
		{"compressed", []byte{0xC1}, []string{"ab"}, "protocol", 1002, "RSV bits 0b100 on a text frame were not agreed on (RFC 6455, 5.2)"},
		{"continuation", []byte{0x80}, []string{"ab"}, "protocol", 1002, "continuation frame outside a message (RFC 6455, 5.4)"},
		{"close code", []byte{0x88}, []string{"\x03\xED"}, "protocol", 1002, "close code 1005 may not be sent (RFC 6455, 7.4)"},
	} {
		for _, side := range []string{"client", "upstream"} {
			bubble(t, tt.name+" from the "+side, func(t *testing.T) {
				r := newSession(t, setup{limits: limits})
				from, to, code := r.client, r.upstream, tt.code
				if side == "upstream" {
					from, to, code = r.upstream, r.client, ws.CodeInternal
				}
				from.send(0x82, "good")
				to.wantMessage("before", ws.Binary, "good")
				for i, flags := range tt.flags {
					from.send(flags, tt.bodies[i])
				}
				to.wantClose("other side", code, side+": "+tt.rule)
				from.wantClose("its own fault", tt.code, tt.rule)
				to.closes(code, "")
				from.conn.Close()
				to.wantEnd("closed")
				r.wantEnd(side+"."+tt.cause, tt.code)
			})
		}
	}
}

// A length that no message may have is refused before any of it has come.
func TestHugeMessageRefusedByHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{MaxMessage: 1 << 20}})
		r.client.sendBytes([]byte("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x00\x00\x00\x00"))
		r.client.wantClose("header alone", 1009, "message is longer than 1048576 bytes")
		r.client.conn.Close()
		r.upstream.wantClose("header alone", 1009, "client: message is longer than 1048576 bytes")
		r.upstream.conn.Close()
		r.wantEnd("client.too_big", 1009)
	})
}

func TestMaxRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{MaxRate: config.Rate{Messages: 5}}})
		for range 3 {
			for range 5 {
				r.client.send(0x81, "x")
				r.upstream.wantMessage("within the rate", ws.Text, "x")
			}
			time.Sleep(time.Second)
		}
		for range 20 { // upstreams may send what they like
			r.upstream.send(0x81, "x")
			r.client.wantMessage("from the upstream", ws.Text, "x")
		}
		for range 6 {
			r.client.send(0x81, "x")
		}
		r.client.wantClose("too fast", 1008, "more than max_rate was sent")
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("client.rate", 1008)
	})
	bubble(t, "bytes", func(t *testing.T) {
		r := newSession(t, setup{limits: config.Limits{MaxRate: config.Rate{Bytes: 1000}}})
		r.client.send(0x81, long(900))
		r.upstream.wantMessage("within the rate", ws.Text, long(900))
		r.client.send(0x81, long(900))
		r.client.wantClose("too fast", 1008, "more than max_rate was sent")
		r.client.conn.Close()
		r.upstream.conn.Close()
		r.wantEnd("client.rate", 1008)
	})
}
