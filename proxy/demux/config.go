package demux

import (
	"regexp"
	"time"
)

// Config is what the sessions of a route share. It is not changed after
// [NewConfig].
type Config struct {
	Services []Service
	Rules    []Rule // which service a namespace belongs to
	Fallback int    // index in Services for clients with a parser of their own; -1 for none
	Opaque   bool   // every session goes to Fallback, whatever it says

	StrictNamespaces   bool // a packet for a namespace that is not joined (any more) ends the session, as at a single server
	PropagateHardClose bool // an upstream that closes behind its last DISCONNECT ends the session

	PingInterval   time.Duration // towards the client; if zero, 25 s
	PingTimeout    time.Duration // if zero, 20 s
	ConnectTimeout time.Duration // from the handshake to the first CONNECT; if zero, 45 s
	OpenTimeout    time.Duration // from LegUp to the leg's open packet; if zero, 5 s

	MaxNamespaces  int     // joined at a time by one client; if zero, 64
	MaxLegs        int     // at a time; if zero, 16
	ConnectRate    float64 // CONNECTs per second; if zero, 20
	ConnectBurst   int     // CONNECTs at once; if zero, MaxNamespaces
	MaxAttachments int     // of one packet; if zero, 1000
	MaxClientGroup int     // bytes of a packet with attachments from the client; if zero, 4,000,000
	MaxLegGroup    int     // the same from an upstream; if zero, 64 MiB
	MaxHeld        int     // bytes of one client that wait for legs, and of CONNECTs stored for Reconnect; if zero, the larger of 1 MiB and a third of MaxClientGroup
	MaxHeldPackets int     // if zero, 1000

	rules *rules
}

// Service is an upstream of the route.
type Service struct {
	Name        string
	Eager       bool          // dialled before the handshake is answered
	OnLoss      Policy        // what becomes of its namespaces when its leg is lost
	ConnectHold time.Duration // how long a CONNECT waits for a leg; if zero, without limit
	AffinityPID bool          // a pid leads back to the endpoint that gave it
	Endpoints   int           // how many there are, which is how often a dial is repeated at once; if zero, 1
}

// Policy is what becomes of the namespaces of a leg that is lost.
type Policy uint8

// The policies.
const (
	Transport  Policy = iota // the session is closed, as if the only server had died
	Reconnect                // the leg is dialled again behind the client's back
	Disconnect               // the client is told that it has left the namespaces
)

// Rule says which service the namespaces of a pattern belong to. Exact names
// come first, then prefixes, the longest first, then expressions in their order.
type Rule struct {
	Pattern string         // "/admin", or "/tenant/*" for all that begins with "/tenant/"
	Expr    *regexp.Regexp // instead of Pattern
	Service int            // index in Config.Services
}

// NewConfig fills in what is zero in c and prepares its rules.
func NewConfig(c Config) *Config {
	setDefault(&c.PingInterval, 25*time.Second)
	setDefault(&c.PingTimeout, 20*time.Second)
	setDefault(&c.ConnectTimeout, 45*time.Second)
	setDefault(&c.OpenTimeout, 5*time.Second)
	setDefault(&c.MaxNamespaces, 64)
	setDefault(&c.MaxLegs, 16)
	setDefault(&c.ConnectRate, 20)
	setDefault(&c.ConnectBurst, c.MaxNamespaces)
	setDefault(&c.MaxAttachments, 1000)
	setDefault(&c.MaxClientGroup, 4_000_000)
	setDefault(&c.MaxLegGroup, 64<<20)
	setDefault(&c.MaxHeld, max(1<<20, c.MaxClientGroup/3))
	setDefault(&c.MaxHeldPackets, 1000)
	c.rules = newRules(c.Rules)
	return &c
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// Sound tells whether the parts of c, which came from elsewhere, are about the
// same services, and no name is two's.
func (c *Config) Sound() bool {
	names := make(map[string]bool)
	for i := range c.Services {
		names[c.Services[i].Name] = true
	}
	for i := range c.Rules {
		if n := c.Rules[i].Service; n < 0 || n >= len(c.Services) {
			return false
		}
	}
	return len(names) == len(c.Services) && c.Fallback >= -1 && c.Fallback < len(c.Services) && (!c.Opaque || c.Fallback >= 0)
}

// Route returns the index of the service that a namespace belongs to.
func (c *Config) Route(namespace []byte) (service int, ok bool) {
	d, ok := c.rules.find(namespace)
	return d.service, ok
}

// root is the service that owns the namespace "/", or -1.
func (c *Config) root() int {
	if d, ok := c.rules.find([]byte("/")); ok {
		return d.service
	}
	return -1
}
