package engineio

import "regexp"

// opening is how the answer to a handshake by polling begins: as text, with the length
// of revision 3 before it, as octets of that, or as JSONP. All servers name the sid
// first. The octet 0xff, which is no UTF-8, is U+FFFD to an expression.
var opening = regexp.MustCompile(`(?s)^(?:(?:\d{1,6}:|\x00[\x00-\x09]{1,6}\x{FFFD})?0\{"sid":"([^"\\]{1,128})"|___eio\[\d{1,9}\]\("(?:\d{1,6}:)?0\{\\"sid\\":\\"([^"\\]{1,128})\\")`)

// MostOpening is within how many bytes of an answer OpenedSID finds the sid, if it is
// there.
const MostOpening = 256

// OpenedSID returns the sid that the answer to a handshake by polling gives, of which
// body is the beginning; "" if it gives none. It must stand where a server has it:
// what else has one somewhere may be what its client has asked for.
func OpenedSID(body []byte) string {
	found := opening.FindSubmatch(body[:min(len(body), MostOpening)])
	if found == nil {
		return ""
	}
	return string(found[1]) + string(found[2])
}
