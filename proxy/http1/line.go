package http1

import "strings"

// Skip returns how many bytes at the begin of p are of the empty line that may
// stand before a request: one, of clients that send too many behind a body
// (RFC 9112, 2.2). They are not to be passed on, and Check takes the rest.
func (c *Checker) Skip(p []byte) (n int) {
	for n < len(p) {
		switch {
		case c.state == inMethod && c.size == 0 && !c.skipped && p[n] == '\r':
			c.state = inEmptyLine
		case c.state == inEmptyLine && p[n] == '\n':
			c.state, c.skipped = inMethod, true
		default:
			return n
		}
		n++
	}
	return n
}

// method is one that has a target of its own form.
type method uint8

const (
	anyMethod method = iota
	options
	connect
)

// checkMethod takes the method and the space behind it.
func (c *Checker) checkMethod(p []byte) (int, *Error) {
	for i, b := range p {
		if class[b]&token == 0 {
			if b != ' ' || c.wordLen == 0 {
				return i, bad("request must begin with a method and a space (RFC 9112, 3)")
			}
			c.endMethod()
			return i + 1, nil
		}
		if int(c.wordLen) < len(c.word) {
			c.word[c.wordLen] = b
		}
		c.wordLen++
	}
	return len(p), nil
}

func (c *Checker) endMethod() {
	switch string(c.word[:min(int(c.wordLen), len(c.word))]) {
	case "OPTIONS":
		c.method = options
	case "CONNECT":
		c.method = connect
	}
	c.state, c.wordLen = inForm, 0
}

// errForm is for a target that is none of those that a server takes.
var errForm = bad("request target must be a path, or an http or https URI (RFC 9112, 3.2)")

// checkForm looks at the first byte of the target, which tells its form.
func (c *Checker) checkForm(b byte) *Error {
	switch {
	case b == '/':
		c.state, c.path = inTarget, true
	case b == ' ':
		return bad("request line must have single spaces (RFC 9112, 3)")
	case c.method == connect:
		return &Error{Status: 405, Rule: "method CONNECT is not served"}
	case b == '*':
		c.state = inAsterisk
	case lower(b) != 'h':
		return errForm
	default:
		c.state, c.word[0], c.wordLen = inScheme, 'h', 1
	}
	return nil
}

// checkAsterisk takes the space behind an asterisk. Who may ask for it is said
// behind the version: HTTP/2 asks so for another one.
func (c *Checker) checkAsterisk(b byte) *Error {
	if b != ' ' {
		return errForm
	}
	c.state, c.asterisk = inVersion, true
	return nil
}

// checkScheme takes the scheme of the absolute form, and the slashes behind it.
func (c *Checker) checkScheme(p []byte) (int, *Error) {
	for i, b := range p {
		c.word[c.wordLen] = lower(b)
		c.wordLen++
		switch s := string(c.word[:c.wordLen]); {
		case s == "http://" || s == "https://":
			c.state, c.host = inAuthority, hostPart{}
			return i + 1, nil
		case !strings.HasPrefix("http://", s) && !strings.HasPrefix("https://", s):
			return i, errForm
		}
	}
	return len(p), nil
}

// checkAuthority takes the host and port of the absolute form, which count in
// place of the Host header.
func (c *Checker) checkAuthority(p []byte) (int, *Error) {
	for i, b := range p {
		switch {
		case b != '/' && b != '?' && b != ' ':
			if c.host.take(b, &c.word) {
				continue
			}
			fallthrough
		case c.host == (hostPart{}) || !c.host.whole():
			return i, bad("target must have a host, with an optional port and no user (RFC 9110, 4.2)")
		case b == ' ':
			c.state = inVersion
		default:
			c.state, c.path = inTarget, b == '/'
		}
		return i + 1, nil
	}
	return len(p), nil
}

// checkTarget takes the rest of a path with its query, and the space behind it.
func (c *Checker) checkTarget(p []byte) (int, *Error) {
	for i, b := range p {
		switch {
		case b == ' ' && c.escape == 0:
			c.state = inVersion
			return i + 1, nil
		case b == '\r' || b == '\n':
			return i, bad("request line must have a version (RFC 9112, 3)")
		case c.path && !c.checkEscape(b):
			return i, bad("request target has a malformed escape (RFC 3986, 2.1)")
		case class[b]&target == 0:
			return i, bad("request target has a character that must be escaped (RFC 3986, 2)")
		}
	}
	return len(p), nil
}

// checkEscape follows the escapes of the path.
func (c *Checker) checkEscape(b byte) bool {
	switch {
	case c.escape > 0:
		c.escape--
		return class[b]&hex != 0
	case b == '%':
		c.escape = 2
	case b == '?':
		c.path = false
	}
	return true
}

// version is the rest of the first line, with a 0 for each digit.
const version = "HTTP/0.0\r\n"

const (
	majorAt = 5
	minorAt = 7
)

// checkVersion takes the rest of the first line. A higher minor version than is
// known is taken as the highest known (RFC 9110, 2.5).
func (c *Checker) checkVersion(p []byte) (int, *Error) {
	for i, b := range p {
		digit := (c.at == majorAt || c.at == minorAt) && '0' <= b && b <= '9'
		switch {
		case c.at == minorAt+1 && b != '\r' && b != '\n':
			return i, bad("version must be HTTP/ and two digits, and nothing behind it (RFC 9112, 2.3)")
		case c.at > minorAt && b != version[c.at]:
			return i, errLineEnd
		case b != version[c.at] && !digit:
			return i, bad("version must be HTTP/ and two digits (RFC 9112, 2.3)")
		case c.at == majorAt:
			c.major = b
		case c.at == minorAt && c.major != '1':
			return i, &Error{Status: 505, Rule: "version must be 1.1 here (RFC 9110, 15.6.6)"}
		case c.at == minorAt:
			c.v10 = b == '0'
		}
		if c.at++; int(c.at) == len(version) {
			return i + 1, c.endLine()
		}
	}
	return len(p), nil
}

func (c *Checker) endLine() *Error {
	if c.asterisk && c.method != options {
		return bad("only OPTIONS may ask for * (RFC 9112, 3.2.4)")
	}
	c.state, c.at, c.wordLen = inName, 0, 0
	return nil
}

// Absolute takes a target in absolute form apart, which a Checker has admitted:
// rest is its path and query, and may be empty. ok is false for any other form.
func Absolute(target string) (scheme, rest string, ok bool) {
	if strings.HasPrefix(target, "/") {
		return "", "", false // of nearly all
	}
	scheme, rest, ok = strings.Cut(target, "://")
	if !ok {
		return "", "", false
	}
	if at := strings.IndexAny(rest, "/?"); at >= 0 {
		return strings.ToLower(scheme), rest[at:], true
	}
	return strings.ToLower(scheme), "", true
}
