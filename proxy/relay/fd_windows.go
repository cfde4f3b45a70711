package relay

import (
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"usher/proxy/socket"
)

// fionbio sets the blocking mode of a socket (winsock2.h).
const fionbio = 0x8004667e

// prepare keeps the plain calls below from blocking.
func prepare(raw syscall.RawConn) (err error) {
	ctlErr := raw.Control(func(fd uintptr) {
		on, returned := uint32(1), uint32(0)
		err = windows.WSAIoctl(windows.Handle(fd), fionbio, (*byte)(unsafe.Pointer(&on)), 4, nil, 0, &returned, nil, 0)
	})
	if ctlErr != nil {
		return ctlErr
	}
	return os.NewSyscallError("wsaioctl", err)
}

func recv(fd uintptr, p []byte) (int, error) {
	n, flags := uint32(0), uint32(0)
	buf := windows.WSABuf{Len: uint32(len(p)), Buf: unsafe.SliceData(p)}
	err := windows.WSARecv(windows.Handle(fd), &buf, 1, &n, &flags, nil, nil)
	return int(n), outcome("wsarecv", err)
}

func send(fd uintptr, p []byte) (int, error) {
	n := uint32(0)
	buf := windows.WSABuf{Len: uint32(len(p)), Buf: unsafe.SliceData(p)}
	err := windows.WSASend(windows.Handle(fd), &buf, 1, &n, 0, nil, nil)
	return int(n), outcome("wsasend", err)
}

// isReadable tells whether a read of fd would not block.
func isReadable(fd uintptr) bool {
	var one [1]byte
	n, flags := uint32(0), uint32(windows.MSG_PEEK)
	buf := windows.WSABuf{Len: 1, Buf: &one[0]}
	return windows.WSARecv(windows.Handle(fd), &buf, 1, &n, &flags, nil, nil) != windows.WSAEWOULDBLOCK
}

// isWritable waits a moment and says yes: there is no plain question for it,
// and a write that comes too early does no harm.
func isWritable(uintptr) bool {
	<-time.NewTimer(5 * time.Millisecond).C
	return true
}

func outcome(call string, err error) error {
	if err == windows.WSAEWOULDBLOCK {
		return socket.ErrNothing
	}
	return os.NewSyscallError(call, err)
}
