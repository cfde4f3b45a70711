//go:build linux

package main

import (
	"bytes"
	"slices"

	"golang.org/x/sys/unix"
)

// peer is one socket of the upstream.
type peer struct {
	fd       int
	upgraded bool
	in       []byte // the beginning of a head or frame, as far as it has come
	need     int    // what its whole will be, if known
	out      []byte // what the socket did not take at once
	sent     int    // bytes of out that it has taken since
}

// read takes what p has and answers it. A frame that comes in parts is
// collected where it can be sent from: a message goes back as a whole, as
// from any real server.
func (u *upstream) read(p *peer) {
	for {
		dst := u.buf
		held := len(p.in)
		if held > 0 {
			p.in = slices.Grow(p.in, max(p.need-held, 4096))
			dst = p.in[held:cap(p.in)]
		}
		n, err := unix.Read(p.fd, dst)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return
		case err != nil || n == 0:
			u.close(p)
			return
		}
		data := dst[:n]
		if held > 0 {
			p.in = p.in[:held+n]
			data = p.in
		}
		rest, ok := u.take(p, data)
		if !ok || p.fd < 0 {
			u.close(p)
			return
		}
		p.in = append(p.in[:0], rest...)
		if n < len(dst) {
			return // nothing is left; the next edge tells
		}
	}
}

// take answers what is whole in data and returns the rest.
func (u *upstream) take(p *peer, data []byte) (rest []byte, ok bool) {
	if !p.upgraded {
		if rest, ok = u.upgrade(p, data); !ok || !p.upgraded {
			return rest, ok
		}
		data = rest
	}
	for len(data) > 0 {
		h, size := parseHeader(data)
		p.need = maxHeader
		if size > 0 {
			p.need = size + h.length
		}
		if size == 0 || len(data) < p.need {
			return data, true
		}
		if !h.masked {
			return nil, false
		}
		if !u.answer(p, h, data[:p.need], size) {
			return nil, false
		}
		data = data[p.need:]
	}
	return nil, true
}

// answer echoes a data frame, from where it stands: the header without a key
// is four bytes shorter. Pings are answered, other control frames are not.
func (u *upstream) answer(p *peer, h frameHeader, frame []byte, size int) bool {
	first := frame[0]
	switch h.op {
	case opClose:
		return false
	case opPong:
		return true
	case opPing:
		first = 0x80 | opPong
	}
	mask(frame[size:], h.key)
	frame = frame[4:]
	appendHeader(frame[:0], first, h.length, nil)
	return u.write(p, frame)
}

// upgrade answers a request once its head is whole: with 101, but for a page.
func (u *upstream) upgrade(p *peer, data []byte) (rest []byte, ok bool) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		p.need = len(data)
		return data, len(data) < 64<<10
	}
	head := data[:end+2]
	if bytes.HasPrefix(head, []byte("GET "+pathPage+" ")) {
		return data[end+4:], u.write(p, pageAnswer)
	}
	key := headerValue(head, "sec-websocket-key")
	if key == "" {
		u.write(p, []byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
		return nil, false
	}
	if bytes.HasPrefix(head, []byte("GET "+pathFan+" ")) {
		u.fan = append(u.fan, p)
	}
	p.upgraded = true
	return data[end+4:], u.write(p, []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+acceptKey(key)+"\r\n\r\n"))
}

// headerValue finds a header by its lower-case name in a head of CRLF lines.
func headerValue(head []byte, name string) string {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return string(bytes.TrimSpace(line[len(name)+1:]))
		}
	}
	return ""
}

// write sends data, or keeps what the socket does not take; false if the
// socket is broken.
func (u *upstream) write(p *peer, data []byte) bool {
	if len(p.out) > 0 {
		p.out = append(p.out, data...)
		return true
	}
	n, ok := writeSome(p.fd, data)
	if n < len(data) {
		p.out = append(p.out, data[n:]...)
	}
	return ok
}

func (u *upstream) flush(p *peer) {
	n, ok := writeSome(p.fd, p.out[p.sent:])
	if !ok {
		u.close(p)
		return
	}
	if p.sent += n; p.sent == len(p.out) {
		p.out, p.sent = p.out[:0], 0
	}
}

// writeSome writes as much of data as fd takes now; ok is false if fd is broken.
func writeSome(fd int, data []byte) (n int, ok bool) {
	for n < len(data) {
		m, err := unix.Write(fd, data[n:])
		switch {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return n, true
		case err != nil:
			return n, false
		default:
			n += m
		}
	}
	return n, true
}
