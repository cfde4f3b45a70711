//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// session is a Socket.IO client while it joins its namespaces; afterwards it is
// a socket like any other, or an idle link.
type session struct {
	link *link
	held []byte // what has come and was not looked at
}

const (
	pathWebSocket = "/socket.io/?EIO=4&transport=websocket"
	pathPolling   = "/socket.io/?EIO=4&transport=polling"
)

// namespaces are what a session may join, in this order.
var namespaces = []string{"/", "/a", "/b"}

var sessionKey = [4]byte{0x1f, 0x2e, 0x3d, 0x4c}

// connects is the Socket.IO packet that joins a namespace, in Engine.IO's.
func connects(namespace string) string {
	if namespace == "/" {
		return "40"
	}
	return "40" + namespace + ","
}

// join does what a client does first: it reads the open packet, asks for the
// first n namespaces and waits until it is in all.
func (s *session) join(n int) error {
	if err := s.want("0{"); err != nil {
		return err
	}
	for _, namespace := range namespaces[:n] {
		if _, err := s.link.Write(appendFrame(nil, opText, []byte(connects(namespace)), &sessionKey)); err != nil {
			return err
		}
	}
	for range n { // their answers come in any order
		if err := s.want("40"); err != nil {
			return err
		}
	}
	if len(s.held) > 0 {
		return fmt.Errorf("%q came behind the last namespace", s.held)
	}
	return nil
}

// want reads one message, which must begin with start.
func (s *session) want(start string) error {
	for {
		h, size := parseHeader(s.held)
		if size > 0 && len(s.held) >= size+h.length {
			message := s.held[size : size+h.length]
			s.held = s.held[size+h.length:]
			if !bytes.HasPrefix(message, []byte(start)) {
				return fmt.Errorf("got %q, want a packet that begins with %q", message, start)
			}
			return nil
		}
		if err := s.read(); err != nil {
			return err
		}
	}
}

func (s *session) read() error {
	var buf [4096]byte
	n, err := s.link.Read(buf[:])
	s.held = append(s.held, buf[:n]...)
	return err
}

// poll opens a session by polling, joins the first namespace and leaves a GET
// waiting.
func (s *session) poll() error {
	body, err := s.exchange("GET " + pathPolling)
	if err != nil {
		return err
	}
	_, rest, ok := bytes.Cut(body, []byte(`"sid":"`))
	sid, _, ended := bytes.Cut(rest, []byte(`"`))
	if !ok || !ended {
		return fmt.Errorf("handshake was answered %q, want a sid", body)
	}
	path := pathPolling + "&sid=" + string(sid)
	if body, err = s.exchange("POST "+path, "40"); err == nil && string(body) != "ok" {
		err = fmt.Errorf("POST was answered %q, want ok", body)
	}
	if err != nil {
		return err
	}
	if body, err = s.exchange("GET " + path); err == nil && !bytes.HasPrefix(body, []byte("40")) {
		err = fmt.Errorf("GET was answered %q, want the namespace", body)
	}
	if err != nil {
		return err
	}
	return s.request("GET " + path)
}

func (s *session) request(line string, body ...string) error {
	var text strings.Builder
	text.WriteString(line + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, b := range body {
		text.WriteString("Content-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(b)) + "\r\n\r\n" + b)
	}
	if len(body) == 0 {
		text.WriteString("\r\n")
	}
	_, err := io.WriteString(s.link, text.String())
	return err
}

var errNoLength = errors.New("answer has no Content-Length")

// exchange sends a request and returns the body of the answer.
func (s *session) exchange(line string, body ...string) ([]byte, error) {
	if err := s.request(line, body...); err != nil {
		return nil, err
	}
	for {
		head, rest, whole := bytes.Cut(s.held, []byte("\r\n\r\n"))
		if whole {
			_, value, ok := bytes.Cut(bytes.ToLower(head), []byte("\r\ncontent-length:"))
			if !ok {
				return nil, errNoLength
			}
			value, _, _ = bytes.Cut(value, []byte("\r\n"))
			n, err := strconv.Atoi(string(bytes.TrimSpace(value)))
			if err != nil {
				return nil, err
			}
			if len(rest) >= n {
				s.held = rest[n:]
				return rest[:n], nil
			}
		}
		if err := s.read(); err != nil {
			return nil, err
		}
	}
}
