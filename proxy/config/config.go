// Package config reads routes.yaml into a checked Config.
//
// Load is the only way to a Config. It reports every fault of the file at
// once, each with its line and column, and returns a Config only when there is
// none: whoever holds a Config may rely on every rule that is written here.
package config

import (
	"io/fs"
	"net/http"
	"net/netip"
	"time"
)

// Config is a checked routes file. It is never changed after Load.
type Config struct {
	File             string         // as it was given to Load
	Listen           []Listener     // at least one
	TLS              TLS            //
	TrustedProxies   []netip.Prefix // peers whose forwarding headers are believed; the zero one is any by a unix socket
	HandshakeTimeout time.Duration  // for a client's TLS hello and request head, each
	Limits           Limits         // of what comes to no route
	Answers          AnswerHeaders  // of what comes to no route
	ErrorPages       ErrorPages     // of what comes to no route
	Quota            Quota          // of connections; and of routes that have none
	Drain            Drain          //
	Admin            Admin          //
	Log              Log            //
	Tracing          Tracing        // zero for none
	Watch            bool           // a change of the file is read as by SIGHUP
	AffinitySecret   string         // that clients' tags are made with; "" for one that each process makes up
	Fleet            Fleet          // zero for none
	Upstreams        []*Upstream    // in the order of the file
	Routes           []*Route       // in the order of the file
	Warnings         Errors         // what is allowed but unwise, nil if nothing

	advice Errors // those warnings that hold whoever may read the file
}

// Position is a place in the routes file; both count from 1.
type Position struct {
	Line, Column int
}

// Listener is one address to accept clients on.
type Listener struct {
	Position
	Address string      // host:port, or "unix:" and a path
	Mode    fs.FileMode // of a unix socket's file
	TLS     bool

	// Redirect answers every request with the same address by https: on plain
	// listeners, if there are domains.
	Redirect bool

	// ProxyProtocol are the peers, such as a load balancer's, that say in front
	// of each connection whom it comes from.
	ProxyProtocol []netip.Prefix

	// ClientCA is a PEM file: only clients with a certificate that it verifies
	// are let in. "" for everybody; relative to the folder of the routes file.
	ClientCA   string
	ClientCAAt Position // where it stands
}

// TLS says where the listeners' certificates come from.
type TLS struct {
	Certificates []Certificate
	Domains      []string // names to have certificates for: lower case, all different
	Internal     bool     // a local authority issues them
	Ask          string   // URL that allows further names when a client asks for one; "" for none
	Storage      string   // the folder for what is issued; relative to that of the routes file
	ACME         ACME     // who issues them if not the local authority
	H2WebSocket  bool     // listeners take WebSocket by HTTP/2 as well (RFC 8441)
	Handover     bool     // connections of TLS 1.3 can go over to another process, those to https upstreams too
}

// ACME says which authority issues certificates (RFC 8555).
type ACME struct {
	Email           string          // for the authority's mail about certificates; "" for none
	Directory       string          // the URL of its directory; "" for Let's Encrypt
	Root            string          // a PEM file that verifies the authority; "" for the system's roots
	RootAt          Position        // where Root stands
	Staging         bool            // Let's Encrypt's authority for tests
	ExternalAccount ExternalAccount // RFC 8555, 7.3.4; zero for none
}

// ExternalAccount binds usher's account at an authority to one that its user
// has there.
type ExternalAccount struct {
	KeyID, MACKey string
}

// Certificate names a pair of PEM files; relative names start at the folder
// of the routes file.
type Certificate struct {
	Position
	Cert, Key     string
	CertAt, KeyAt Position // where they stand
}

// Drain says how usher ends sessions that it may not keep: all of them when the
// process stops, and those of a route or endpoint that a reload has removed.
type Drain struct {
	Over     time.Duration // over which Close frames are spread, or less if they are few
	Deadline time.Duration // from the signal to the exit, at most; longer than Grace and Over together
	Code     uint16        // of the Close frames: 1001 or 1012
	Grace    time.Duration // from the signal to the first Close frame; usher serves as before, but is not ready
}

// Admin is the operators' address: where usher answers about itself, and takes
// orders.
type Admin struct {
	Position
	Address string      // host:port, or "unix:" and a path; "" for none
	Token   string      // that lets operators in; "" for none
	Auth    []AdminAuth // other ways in, those to the greater role first; if there are none and no token, only this machine can reach it
	CloseBy []string    // canonical names of the headers by whose values sessions can be closed
	Access  Access      // of operators, by the address of their connection
}

// Upstream is a named group of interchangeable servers.
type Upstream struct {
	Position
	Name        string
	Endpoints   []Endpoint // at least one, all different
	Balance     Balance
	Hash        Hash          // for ByHash
	Affinity    Affinity      //
	SameSite    http.SameSite // of the cookie of Affinity; 0 for what the route and the listener need
	Secret      string        // for the tags of Affinity, that of the file; "" for a random one
	DialTimeout time.Duration // for the connection and its TLS handshake

	// SendProxyProtocol is the version of the PROXY protocol that tells the
	// endpoints whom a connection comes from; 0 for none.
	SendProxyProtocol byte

	TLS UpstreamTLS // for https endpoints

	Resolve   time.Duration // how long the addresses of an endpoint's name are used; 0 leaves names to the system, for each connection
	Check     Check         // of each endpoint
	SlowStart time.Duration // in which an endpoint that has become healthy gets its share; 0 is at once
	Hold      time.Duration // for how long from an outage on who finds no endpoint waits for one; 0 is not at all
	After     []string      // upstreams that must be healthy before this one takes sockets; they have checks
}

// UpstreamTLS says how https endpoints, or a Redis, prove who they are, and usher
// to them.
// Relative names of files start at the folder of the routes file.
type UpstreamTLS struct {
	CA                 string // a PEM file that verifies them; "" for the system's roots
	ServerName         string // that their certificates must have; "" for the endpoint's host
	Cert, Key          string // PEM files that usher shows; "" for none
	InsecureSkipVerify bool   // whoever answers is believed

	CAAt, CertAt, KeyAt Position // where the files' names stand
}

// Scheme is how an endpoint is spoken to.
type Scheme string

// The schemes of an endpoint.
const (
	HTTP  Scheme = "http"  // TCP
	HTTPS Scheme = "https" // TLS over TCP, verified by the system's roots
	Unix  Scheme = "unix"  // a unix domain socket
)

// Endpoint is one address of an upstream.
type Endpoint struct {
	Position
	Scheme  Scheme
	Address string // host:port with the port made explicit, or the path of the unix socket

	Weight      int // what of all sessions comes here, beside the weights of others; 1 at least
	MaxSessions int // that may be open at once; 0 is no limit
}

// Relay is the way a route's frames are moved.
type Relay string

// The two relays.
const (
	Frames   Relay = "frames"   // usher's own: frame by frame, unchanged
	Messages Relay = "messages" // websocketproxy: whole messages, uncompressed
)

// Upgrade is which requests a route takes.
type Upgrade string

// The kinds of request; there is no third.
const (
	AnyRequest    Upgrade = ""          // both kinds
	OnlyWebSocket Upgrade = "websocket" // those that ask for an upgrade
	NoUpgrade     Upgrade = "none"      // those that do not
)

// Takes reports whether requests of that kind are taken.
func (u Upgrade) Takes(upgrade bool) bool {
	return u == AnyRequest || upgrade == (u == OnlyWebSocket)
}

// Route is a claim on requests: host and path to an upstream, with options.
type Route struct {
	Position
	Host        string    // "" for any, lower case, no port; "*.example.com" for every name below example.com. A list in the file is as many routes
	Path        string    // in normal form: begins with a slash, ends with none unless it is "/"
	Exact       bool      // the path itself only, with or without a slash at its end, not what lies below it
	Upgrade     Upgrade   //
	Upstream    *Upstream // of a route with namespaces: who owns "/", or else the first; nil for one that needs none
	Redirect    *Redirect // in place of an upstream; nil for none
	Respond     *Respond  // likewise
	StripPrefix string    // "" or a prefix of Path at a segment boundary, taken off towards the upstream

	// ReplacePrefix is put in the place of StripPrefix, or else of Path; "" for
	// nothing.
	ReplacePrefix string
	Slash         bool // a page at the bare prefix is led to the one with a slash: the upstream sees "/" for both

	Origins []string // "*" alone, or serialized origins, lower case, default port left out; "https://*.example.com" for every name below
	Headers Headers
	Relay   Relay
	Limits  Limits
	Access  Access
	Auth    *Auth // nil for none
	Quota   Quota
	Answers AnswerHeaders

	ErrorPages ErrorPages
	Encode     []Coding // of pages, the best one first; nil for none

	// Namespaces split each Engine.IO connection; nil if the route has one
	// upstream. They stand in the order in which they are asked.
	Namespaces []*Namespace
	SocketIO   *SocketIO // nil without Namespaces
	Compress   bool      // what is sent to clients that offer it; false without Namespaces
}

// Headers are changes to the request on its way to the upstream.
type Headers struct {
	Set    []Header
	Remove []string // canonical names
}

// Header is one header line.
type Header struct {
	Name, Value string // the name is canonical
}

// Limits bound what one session, or one plain request, may use. A route inherits what it does not
// set from the top level of the file.
type Limits struct {
	MaxMessage       int64         // bytes of one message on the wire; larger ends the session with 1009
	MaxFragments     int           // frames of one message; more ends the session with 1008
	MessageTimeout   time.Duration // from the first byte of a message to its last
	MaxRate          Rate          // what one client may send
	IdleTimeout      time.Duration // without a data frame either way; 0 is never
	HandshakeTimeout time.Duration // for the upstream's answer to the upgrade
	WriteTimeout     time.Duration // for a peer that takes nothing of what is waiting for it
	PingInterval     time.Duration // of silence on a leg before usher pings it; 0 is never
	PingTimeout      time.Duration // from such a ping to any byte of the peer

	// Of plain requests, as is WriteTimeout.
	MaxBody         int64         // bytes of a body; 0 is no limit
	BodyTimeout     time.Duration // in which nothing of a body comes
	ResponseTimeout time.Duration // from a request's end to the whole head of the upstream's answer; 0 is no limit
}

// Rate is what may pass in a second, sustained; a burst of one second's worth
// is allowed on top. Zero is no limit.
type Rate struct {
	Messages int64
	Bytes    int64
}
