//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"strconv"

	"golang.org/x/sys/unix"
)

// upstream is the server behind the proxies: one epoll loop that echoes what
// comes to pathEcho and, on command, sends a message to each socket of pathFan.
// Requests for pathPage get a page.
// Commands are single bytes on standard input: 'f' fans out one message, 'n'
// asks for the number of open sockets. It ends when its input does.
type upstream struct {
	epoll    int
	listener int
	peers    []*peer // by descriptor
	fan      []*peer
	open     int
	fanned   uint32
	buf      []byte // what is read goes here first
}

const (
	pathEcho = "/echo"
	pathFan  = "/fan"
	pathPage = "/page"
)

// readSize is the read buffer of either end. It is as large as what a socket
// can have waiting, so that a short read means that nothing is left.
const readSize = 256 << 10

// edges is what sockets are registered for, once.
const edges = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// serveUpstream is the process: it prints its address and serves.
func serveUpstream() error {
	debug.SetGCPercent(1000) // there is little garbage; collect it seldom
	u := &upstream{buf: make([]byte, readSize)}
	address, err := u.listen()
	if err != nil {
		return err
	}
	fmt.Println(address)
	return u.serve()
}

func (u *upstream) listen() (string, error) {
	var err error
	if u.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return "", err
	}
	if u.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return "", err
	}
	var address string
	for all := (&ports{last: firstPort + os.Getpid()%1000}); ; {
		if address, err = all.next(); err != nil {
			return "", err
		}
		_, port, _ := net.SplitHostPort(address)
		n, _ := strconv.Atoi(port)
		_ = unix.SetsockoptInt(u.listener, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		err = unix.Bind(u.listener, &unix.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
		if err == nil {
			break
		}
	}
	if err := unix.Listen(u.listener, 4096); err != nil {
		return "", err
	}
	for _, fd := range []int{u.listener, 0} {
		e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(u.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			return "", err
		}
	}
	return address, nil
}

func (u *upstream) serve() error {
	events := make([]unix.EpollEvent, 1024)
	for {
		n, err := unix.EpollWait(u.epoll, events, -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, e := range events[:max(n, 0)] {
			switch fd := int(e.Fd); fd {
			case u.listener:
				u.accept()
			case 0:
				if !u.command() {
					return nil
				}
			default:
				if p := u.peers[fd]; p != nil {
					u.ready(p, e.Events)
				}
			}
		}
	}
}

func (u *upstream) accept() {
	for {
		fd, _, err := unix.Accept4(u.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		if err == unix.EINTR || err == unix.ECONNABORTED {
			continue
		}
		if err != nil {
			return
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		for fd >= len(u.peers) {
			u.peers = append(u.peers, make([]*peer, 1024)...)
		}
		u.peers[fd] = &peer{fd: fd}
		u.open++
		e := unix.EpollEvent{Events: edges, Fd: int32(fd)}
		if err := unix.EpollCtl(u.epoll, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
			u.close(u.peers[fd])
		}
	}
}

// command obeys what came on standard input; false means that it has ended.
func (u *upstream) command() bool {
	n, err := unix.Read(0, u.buf)
	if err == unix.EINTR {
		return true
	}
	if n <= 0 {
		return false
	}
	for _, c := range u.buf[:n] {
		switch c {
		case 'f':
			u.fanOut()
		case 'n':
			fmt.Println(u.open)
		}
	}
	return true
}

// fanOut sends the next message to every socket of pathFan.
func (u *upstream) fanOut() {
	payload := fanPayload()
	stamp(payload, u.fanned)
	u.fanned++
	frame := appendFrame(nil, opText, payload, nil)
	for _, p := range u.fan {
		u.write(p, frame)
	}
}

func (u *upstream) ready(p *peer, events uint32) {
	if events&unix.EPOLLOUT != 0 && len(p.out) > 0 {
		u.flush(p)
	}
	if events&^unix.EPOLLOUT != 0 && p.fd >= 0 {
		u.read(p)
	}
}

// close forgets p. Its events that are still to come find no peer.
func (u *upstream) close(p *peer) {
	if p.fd < 0 {
		return
	}
	for i, q := range u.fan {
		if p == q {
			u.fan = append(u.fan[:i], u.fan[i+1:]...)
			break
		}
	}
	u.peers[p.fd] = nil
	unix.Close(p.fd)
	p.fd = -1
	u.open--
}
