package handshake

import (
	"errors"
	"slices"
	"strings"

	"usher/proxy/http1"
	"usher/proxy/ws"
)

// agreed is what a verified 101 has settled.
type agreed struct {
	protocol string // "" for none
	deflate  *deflate
}

// verify checks an upstream's 101 against what it was asked (RFC 6455, 4.1). An
// upstream that says 101 without meaning this handshake speaks another
// protocol, and the client must not come to talk to it.
func (a answer) verify(key string, o offer) (agreed, error) {
	var g agreed
	switch up, n := a.one("Upgrade"); {
	case n != 1 || !strings.EqualFold(up, "websocket"):
		return g, errors.New("101 without Upgrade: websocket")
	case !http1.HasToken(a.all("Connection"), "upgrade"):
		return g, errors.New("101 without Connection: Upgrade")
	}
	if got, n := a.one("Sec-WebSocket-Accept"); n != 1 || got != ws.AcceptKey(key) {
		return g, errors.New("101 with a wrong Sec-WebSocket-Accept")
	}
	var ok bool
	if g.protocol, ok = a.protocol(o.protocols); !ok {
		return g, errors.New("101 with a subprotocol that was not offered")
	}
	if g.deflate, ok = a.deflate(o.extensions); !ok {
		return g, errors.New("101 with an extension that was not offered so")
	}
	return g, nil
}

func (a answer) protocol(offered []string) (string, bool) {
	p, n := a.one("Sec-WebSocket-Protocol")
	if n == 0 {
		return "", true
	}
	return p, n == 1 && slices.Contains(offered, p)
}

func (a answer) deflate(offered []deflate) (*deflate, bool) {
	list, ok := parseExtensions(a.all("Sec-WebSocket-Extensions"))
	if !ok || len(list) == 0 {
		return nil, ok
	}
	if len(list) > 1 || list[0].name != deflateName {
		return nil, false
	}
	d, ok := parseDeflate(list[0].params)
	if !ok {
		return nil, false
	}
	return &d, slices.ContainsFunc(offered, d.answers)
}

// one returns the last value of a header and how often it stands.
func (a answer) one(name string) (value string, n int) {
	for _, l := range a.lines {
		if strings.EqualFold(l.name, name) {
			value, n = l.value, n+1
		}
	}
	return value, n
}

func (a answer) all(name string) (values []string) {
	for _, l := range a.lines {
		if strings.EqualFold(l.name, name) {
			values = append(values, l.value)
		}
	}
	return values
}

// append101 writes the client's 101: usher's own proof, what was agreed, and
// every other header of the upstream's answer.
func (a answer) append101(b []byte, key string, g agreed) []byte {
	b = ws.AppendSwitch(b, key)
	if g.protocol != "" {
		b = appendHeader(b, "Sec-WebSocket-Protocol", g.protocol)
	}
	if g.deflate != nil {
		b = append(b, "Sec-WebSocket-Extensions: "...)
		b = append(g.deflate.append(b), "\r\n"...)
	}
	nominated := a.all("Connection")
	for _, l := range a.lines {
		if passes(l.name, nominated) {
			b = appendHeader(b, l.name, l.value)
		}
	}
	return append(b, "\r\n"...)
}
