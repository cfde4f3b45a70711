package http1

// The classes of bytes, one bit each.
const (
	token    = 1 << iota // RFC 9110, 5.6.2
	value                // of a header: no control character but the tab
	target               // visible, and no fragment
	hex                  //
	hostByte             // of a name, or an address of IPv4
)

// class says of each byte what it may stand in.
var class = func() (t [256]uint8) {
	for b := range 256 {
		if b >= ' ' && b != 0x7f || b == '\t' {
			t[b] |= value
		}
		if b > ' ' && b != 0x7f && b != '#' {
			t[b] |= target
		}
	}
	set(&t, "0123456789", token|hex|hostByte)
	set(&t, "abcdefABCDEF", token|hex|hostByte)
	set(&t, "ghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ", token|hostByte)
	set(&t, "!#$%&'*+^`|", token)
	set(&t, "-._~", token|hostByte)
	return t
}()

func set(t *[256]uint8, bytes string, bits uint8) {
	for i := range len(bytes) {
		t[bytes[i]] |= bits
	}
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	return b
}
