//go:build linux && !portable

package socket

import (
	"net/netip"
	"syscall"
	"unsafe"
)

// sockaddr is an address as the kernel has it.
type sockaddr struct {
	raw  syscall.RawSockaddrAny
	size uint32
}

func sockaddrOf(a netip.AddrPort) *sockaddr {
	s := &sockaddr{}
	port := [2]byte{byte(a.Port() >> 8), byte(a.Port())}
	if a.Addr().Unmap().Is4() {
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		in.Family, in.Addr = syscall.AF_INET, a.Addr().Unmap().As4()
		*(*[2]byte)(unsafe.Pointer(&in.Port)) = port
		s.size = syscall.SizeofSockaddrInet4
		return s
	}
	in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(&s.raw))
	in.Family, in.Addr = syscall.AF_INET6, a.Addr().As16()
	*(*[2]byte)(unsafe.Pointer(&in.Port)) = port
	s.size = syscall.SizeofSockaddrInet6
	return s
}

func (s *sockaddr) family() int { return int(s.raw.Addr.Family) }

// addrPort returns the address; one of IPv4 in its own form. The zone is not
// kept.
func (s *sockaddr) addrPort() netip.AddrPort {
	switch s.raw.Addr.Family {
	case syscall.AF_INET:
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&s.raw))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), port(&in.Port))
	case syscall.AF_INET6:
		in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(&s.raw))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr).Unmap(), port(&in.Port))
	}
	return netip.AddrPort{}
}

func port(p *uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(p))
	return uint16(b[0])<<8 | uint16(b[1])
}

func (s *sockaddr) connect(fd uintptr) error {
	_, _, e := syscall.RawSyscall(syscall.SYS_CONNECT, fd, uintptr(unsafe.Pointer(&s.raw)), uintptr(s.size))
	return outcome(e)
}

func accept(listening uintptr) (fd int, from netip.AddrPort, err error) {
	for {
		s := sockaddr{size: syscall.SizeofSockaddrAny}
		n, _, e := syscall.RawSyscall6(syscall.SYS_ACCEPT4, listening, uintptr(unsafe.Pointer(&s.raw)),
			uintptr(unsafe.Pointer(&s.size)), syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0, 0)
		switch e {
		case 0:
			return int(n), s.addrPort(), nil
		case syscall.EINTR, syscall.ECONNABORTED: // the client went before it was its turn
		default:
			return -1, netip.AddrPort{}, e
		}
	}
}

func localAddrPort(fd int) netip.AddrPort {
	s := sockaddr{size: syscall.SizeofSockaddrAny}
	_, _, e := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&s.raw)), uintptr(unsafe.Pointer(&s.size)))
	if e != 0 {
		return netip.AddrPort{}
	}
	return s.addrPort()
}

func setNoDelay(fd int) error {
	one := int32(1)
	_, _, e := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), syscall.IPPROTO_TCP, syscall.TCP_NODELAY,
		uintptr(unsafe.Pointer(&one)), unsafe.Sizeof(one), 0)
	return outcome(e)
}

func outcome(e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}
