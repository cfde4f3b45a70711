package proxyproto_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"usher/proxy/proxyproto"
)

func address(s string) net.Addr { return net.TCPAddrFromAddrPort(netip.MustParseAddrPort(s)) }

func mustHeader(t *testing.T, version byte, source, destination net.Addr) string {
	t.Helper()
	b, err := proxyproto.Header(version, source, destination)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// v2 is a header of version 2 over IPv4, from 192.0.2.1:80 to 192.0.2.2:81,
// with the given rest.
func v2(rest string) string {
	n := 12 + len(rest)
	return "\r\n\r\n\x00\r\nQUIT\n\x21\x11" + string([]byte{byte(n >> 8), byte(n)}) + "\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x50\x00\x51" + rest
}

const (
	head2  = "\r\n\r\n\x00\r\nQUIT\n"
	v4     = "\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x50\x00\x51"
	mapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01"
)

func TestParse(t *testing.T) {
	client, server := address("192.0.2.1:80"), address("192.0.2.2:81")
	for name, tt := range map[string]struct {
		header string
		remote string // "" if the connection must be refused, "-" if it speaks for nobody
	}{
		"v1":                                 {"PROXY TCP4 192.0.2.1 192.0.2.2 80 81\r\n", "192.0.2.1:80"},
		"v1 IPv6":                            {"PROXY TCP6 2001:db8::1 2001:db8::2 80 81\r\n", "[2001:db8::1]:80"},
		"v1 unknown":                         {"PROXY UNKNOWN\r\n", "-"},
		"v1 of ours":                         {mustHeader(t, 1, client, server), "192.0.2.1:80"},
		"v2":                                 {v2(""), "192.0.2.1:80"},
		"v2 with details":                    {v2("\x04\x00\x03abc"), "192.0.2.1:80"},
		"v2 of ours":                         {mustHeader(t, 2, client, server), "192.0.2.1:80"},
		"v2 local":                           {mustHeader(t, 2, nil, nil), "-"},
		"v2 whose detail is longer than all": {v2("\x04\xff\xffabc"), ""},
		"v2 with half a detail":              {v2("\x04"), ""},
		"v2 longer than usual":               {v2(strings.Repeat("\x04\x00\x03abc", 2000)), ""},
		"v2 that breaks off":                 {v2("")[:20], ""},
		"v1 without an end":                  {"PROXY TCP4 " + strings.Repeat("1", 200), ""},
		"v1 with a bare LF":                  {"PROXY TCP4 192.0.2.1 192.0.2.2 80 81\n", ""},
		"v1 with a port too many":            {"PROXY TCP4 192.0.2.1 192.0.2.2 80 65536\r\n", ""},
		// Row 54 of the attacks.
		"v2 too short for its family":   {head2 + "\x21\x11\x00\x04\xc0\x00\x02\x01", ""},
		"v2 of no length":               {head2 + "\x21\x11\x00\x00", ""},
		"v2 with a byte more":           {head2 + "\x21\x11\x00\x0d" + v4 + "\x04", ""},
		"v2 local with addresses":       {head2 + "\x20\x11\x00\x0c" + v4, "-"},
		"v2 local with anything":        {head2 + "\x20\x00\x00\x05abcde", "-"},
		"v2 local of an unknown family": {head2 + "\x20\x41\x00\x05abcde", "-"},
		"v2 unspecified":                {head2 + "\x21\x00\x00\x0c" + v4, ""},
		"v2 by UDP":                     {head2 + "\x21\x12\x00\x0c" + v4, "-"},
		"v2 by a unix socket":           {head2 + "\x21\x31\x00\xd8" + strings.Repeat("a", 216), "-"},
		"v2 of an unknown family":       {head2 + "\x21\x41\x00\x0c" + v4, ""},
		"v2 of another version":         {head2 + "\x31\x11\x00\x0c" + v4, ""},
		"v2 of another command":         {head2 + "\x22\x11\x00\x0c" + v4, ""},
		"v2 IPv4 in IPv6":               {head2 + "\x21\x21\x00\x24" + mapped + mapped + "\x00\x50\x00\x51", "192.0.2.1:80"},
		"v2 IPv6 as short as IPv4":      {head2 + "\x21\x21\x00\x0c" + v4, ""},
		"v2 with a detail of 64 KiB":    {head2 + "\x21\x11\xff\xff" + v4 + "\x04\xff\xf0" + strings.Repeat("a", 0xfff0), ""},
		"v1 IPv4 in IPv6":               {"PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 80 81\r\n", "192.0.2.1:80"},
		"v1 IPv6 as IPv4":               {"PROXY TCP4 2001:db8::1 2001:db8::2 80 81\r\n", ""},
		"v1 with zeros":                 {"PROXY TCP4 010.0.0.1 192.0.2.2 80 81\r\n", ""},
		"v1 with a zone":                {"PROXY TCP6 fe80::1%eth0 fe80::2 80 81\r\n", ""},
		"v1 with a signed port":         {"PROXY TCP4 192.0.2.1 192.0.2.2 +80 81\r\n", ""},
		"v1 with two spaces":            {"PROXY TCP4  192.0.2.1 192.0.2.2 80 81\r\n", ""},
		"v1 without addresses":          {"PROXY TCP4 x garbage\r\n", ""},
		"v1 with half an address":       {"PROXY TCP4 1 192.0.2.2 80 81\r\n", ""},
		"v1 of an unknown family":       {"PROXY ABCDEF whatever\r\n", ""},
		"v1 with more":                  {"PROXY TCP4 192.0.2.1 192.0.2.2 80 81 evil\r\n", ""},
		"v1 with a CR":                  {"PROXY TCP4 192.0.2.1 192.0.2.2 80 81\rX\r\n", ""},
		"v1 unknown with anything":      {"PROXY UNKNOWN 1.2.3.4 whatever 1 2\r\n", "-"},
		"v1 unknown and glued":          {"PROXY UNKNOWNX\r\n", ""},
		"none":                          {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
		"nothing":                       {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			of, n, err := proxyproto.Parse([]byte(tt.header + "hello"))
			whole := n <= len(tt.header)+len("hello") // otherwise more is waited for
			if tt.remote == "" {
				if err == nil && whole {
					t.Errorf("got %v, want a refusal", of)
				}
				return
			}
			if err != nil || n != len(tt.header) || remote(of) != tt.remote {
				t.Errorf("got %d bytes of %s, %v, want %d of %s", n, remote(of), err, len(tt.header), tt.remote)
			}
		})
	}
}

func remote(of proxyproto.Addresses) string {
	if of.Source == nil {
		return "-"
	}
	return of.Source.String()
}

func TestSpeaks(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}
	unix := &net.UnixAddr{Name: "@", Net: "unix"}
	for _, tt := range []struct {
		peer     net.Addr
		networks []netip.Prefix
		want     bool
	}{
		{address("10.0.1.9:1"), networks, true}, {address("[::ffff:10.0.1.9]:1"), networks, true}, {address("10.0.0.9:1"), networks, false},
		{address("10.0.1.9:1"), nil, false}, {unix, networks, false}, {unix, []netip.Prefix{{}}, true}, {address("10.0.1.9:1"), []netip.Prefix{{}}, false},
	} {
		if got := proxyproto.Speaks(tt.peer, tt.networks); got != tt.want {
			t.Errorf("%v of %v: got %t, want %t", tt.peer, tt.networks, got, tt.want)
		}
	}
}
