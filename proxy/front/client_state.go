package front

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"usher/proxy/proxyproto"
)

// ClientState is a client's connection as data, besides its descriptor: that of a
// client which asks for nothing that anybody has begun to serve.
type ClientState struct {
	Listener string         // its address in the routes file
	Stage    string         // see stages
	Said     []byte         `json:",omitempty"` // what has come of that stage
	Idle     bool           `json:",omitempty"` // it was answered before
	Peer     netip.AddrPort `json:",omitzero"`  // of TCP
	Source   netip.AddrPort `json:",omitzero"`  // whom a trusted peer speaks for
	To       netip.AddrPort `json:",omitzero"`  // and where that has connected to
}

// stages are the names of those in which a client asks for nothing.
var stages = map[clientStage]string{saysProxy: "proxy", saysHello: "hello", saysHead: "head"}

var errNowhere = errors.New("nobody listens there any more")

// state is c's as it is, with what it has said.
func (c *client) state(peer net.Addr, said []byte) ClientState {
	return ClientState{
		Listener: c.from.address, Stage: stages[c.stage], Said: said, Idle: c.idle,
		Peer: addrPort(peer), Source: addrPort(c.peer.Source), To: addrPort(c.peer.Destination),
	}
}

// client returns the one that st is of l's.
func (st *ClientState) client(l *Listener) (*client, error) {
	c := &client{from: l, how: l.speech.Load(), idle: st.Idle}
	for stage, name := range stages {
		if name == st.Stage {
			c.stage = stage
			if st.Source.IsValid() {
				c.peer = proxyproto.Addresses{Source: net.TCPAddrFromAddrPort(st.Source), Destination: net.TCPAddrFromAddrPort(st.To)}
			}
			return c, nil
		}
	}
	return nil, fmt.Errorf("a client in stage %q", st.Stage)
}

// addrPort is the zero value for what is no address of TCP.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp != nil {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}
