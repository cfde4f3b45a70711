package limits

import (
	"encoding/binary"
	"net/netip"
)

// who is an address as it counts: of IPv6 the /64, and of IPv4 all of it.
type who struct {
	bits uint64
	kind kind
}

type kind uint8

const (
	nobody kind = iota // without an address, as by a unix socket
	v4
	v6
)

func whoIs(a netip.Addr) who {
	a = a.Unmap()
	switch {
	case a.Is4():
		b := a.As4()
		return who{uint64(binary.BigEndian.Uint32(b[:])), v4}
	case a.Is6():
		b := a.As16()
		return who{binary.BigEndian.Uint64(b[:8]), v6}
	}
	return who{}
}

// place is where something is counted: under a route, "" for all that have no
// limit of their own, and of an address, or of all.
type place struct {
	route string
	all   bool
	who   who
}
