package front

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"

	"usher/proxy/proxyproto"
	"usher/proxy/socket"
	"usher/proxy/tls13"
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
	TLS      *tlsState      `json:",omitempty"` // nil if plain
}

// tlsState is what is known of a client of TLS 1.3, and how its records are
// protected.
type tlsState struct {
	Records      tls13.State
	Version      uint16
	Suite        uint16
	Resumed      bool     `json:",omitempty"`
	Protocol     string   `json:",omitempty"`
	ServerName   string   `json:",omitempty"`
	Certificates [][]byte `json:",omitempty"` // the client's
	Verified     bool     `json:",omitempty"` // they are
}

// stages are the names of those in which a client asks for nothing.
var stages = map[clientStage]string{saysProxy: "proxy", saysHello: "hello", saysHead: "head"}

// state is d's as it is. Its records are protected no more.
func (d *departure) state() (ClientState, error) {
	c := d.client
	st := ClientState{
		Listener: c.from.address, Stage: stages[c.stage], Said: d.said, Idle: c.idle,
		Peer: addrPort(d.conn.RemoteAddr()), Source: addrPort(c.peer.Source), To: addrPort(c.peer.Destination),
	}
	if c.tls == nil {
		return st, nil
	}
	records, err := d.records.State()
	if err != nil {
		return st, err
	}
	st.TLS = &tlsState{
		Records: records, Version: c.tls.Version, Suite: c.tls.CipherSuite, Resumed: c.tls.DidResume,
		Protocol: c.tls.NegotiatedProtocol, ServerName: c.tls.ServerName, Verified: len(c.tls.VerifiedChains) > 0,
	}
	for _, one := range c.tls.PeerCertificates {
		st.TLS.Certificates = append(st.TLS.Certificates, one.Raw)
	}
	return st, nil
}

// client returns the one that st is of l's, and its connection over conn.
func (st *ClientState) client(l *Listener, conn net.Conn) (*client, net.Conn, error) {
	c := &client{from: l, how: l.speech.Load(), idle: st.Idle}
	if st.Source.IsValid() {
		c.peer = proxyproto.Addresses{Source: net.TCPAddrFromAddrPort(st.Source), Destination: net.TCPAddrFromAddrPort(st.To)}
	}
	var known bool
	for stage, name := range stages {
		if name == st.Stage {
			c.stage, known = stage, true
		}
	}
	if !known {
		return nil, nil, fmt.Errorf("a client in stage %q", st.Stage)
	}
	if c.stage == saysHello { // the file may have the listener plain now
		c.stage = c.saysNext()
	}
	if st.TLS == nil {
		return c, conn, nil
	}
	records, err := tls13.Restore(st.TLS.Records)
	st.TLS.Records.Clear()
	if err == nil {
		c.tls, err = st.TLS.connection()
	}
	if err != nil {
		return nil, nil, err
	}
	return c, socket.NewSecured(conn, records), nil
}

// connection is what crypto/tls would say of the connection.
func (st *tlsState) connection() (*tls.ConnectionState, error) {
	c := &tls.ConnectionState{
		Version: st.Version, HandshakeComplete: true, DidResume: st.Resumed, CipherSuite: st.Suite,
		NegotiatedProtocol: st.Protocol, ServerName: st.ServerName,
	}
	for _, der := range st.Certificates {
		one, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		c.PeerCertificates = append(c.PeerCertificates, one)
	}
	if st.Verified { // by whom does not matter any more
		c.VerifiedChains = [][]*x509.Certificate{c.PeerCertificates}
	}
	return c, nil
}

// addrPort is the zero value for what is no address of TCP.
func addrPort(a net.Addr) netip.AddrPort {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp != nil {
		return tcp.AddrPort()
	}
	return netip.AddrPort{}
}
