package front

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"usher/proxy/http1"
)

// errExpect is for a request that net/http itself has something to say to.
var errExpect = errors.New("the request expects something (RFC 9110, 10.1.1)")

// newRequest returns what a handler of net/http's would get for a request of
// HTTP/1 without a body, whose head is whole and parted. RemoteAddr and TLS are
// the caller's to set. A request with which it returns an error is net/http's.
//
// All strings of the request are parts of one, as long as the head: what is kept
// longer than the request must be cloned.
func newRequest(ctx context.Context, head []byte, parts *http1.Head) (*http.Request, error) {
	text := canonical(head, parts)
	part := func(s http1.Span) string { return text[s.From:s.To] }
	target := part(parts.Target)
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	header, host := newHeader(parts, part)
	if header["Expect"] != nil {
		return nil, errExpect
	}
	if u.Host != "" {
		host = u.Host // RFC 9112, 3.2.2
	}
	r := &http.Request{
		Method:     part(parts.Method),
		URL:        u,
		Proto:      text[int(parts.Target.To)+1:][:len("HTTP/1.1")],
		ProtoMajor: 1,
		ProtoMinor: int(parts.Minor),
		Header:     header,
		Body:       http.NoBody,
		Host:       host,
		RequestURI: target,
	}
	r.Close = endsConnection(r)
	return r.WithContext(ctx), nil
}

// canonical returns a head with the names of its lines in the form that a Header
// has them in. No name needs a string of its own so.
func canonical(head []byte, parts *http1.Head) string {
	var b strings.Builder
	b.Grow(len(head))
	for _, l := range parts.Lines {
		b.Write(head[b.Len():l.Name.From])
		first := true // of a word
		for _, c := range head[l.Name.From:l.Name.To] {
			switch {
			case first && 'a' <= c && c <= 'z':
				c -= 'a' - 'A'
			case !first && 'A' <= c && c <= 'Z':
				c += 'a' - 'A'
			}
			b.WriteByte(c)
			first = c == '-'
		}
	}
	b.Write(head[b.Len():])
	return b.String()
}

// newHeader returns the lines of a head, and the host, which is not among them.
func newHeader(parts *http1.Head, part func(http1.Span) string) (header http.Header, host string) {
	header = make(http.Header, len(parts.Lines))
	values := make([]string, len(parts.Lines)) // nearly all stand alone
	for i, l := range parts.Lines {
		name, value := part(l.Name), part(l.Value)
		switch before := header[name]; {
		case name == "Host":
			host = value
		case before != nil:
			header[name] = append(before, value)
		default:
			values[i] = value
			header[name] = values[i : i+1 : i+1]
		}
	}
	if pragma := header["Pragma"]; pragma != nil && pragma[0] == "no-cache" && header["Cache-Control"] == nil {
		header["Cache-Control"] = []string{"no-cache"} // as net/http reads what HTTP/1.0 had
	}
	return header, host
}

// endsConnection reports whether nothing comes behind r (RFC 9112, 9.3).
func endsConnection(r *http.Request) bool {
	said := r.Header["Connection"]
	return httpguts.HeaderValuesContainsToken(said, "close") ||
		r.ProtoMinor == 0 && !httpguts.HeaderValuesContainsToken(said, "keep-alive")
}
