//go:build unix

package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
)

// rightsRoom is what MaxDescriptors take.
var rightsRoom = syscall.CmsgSpace(4 * MaxDescriptors)

func rights(descriptors []int) []byte {
	if len(descriptors) == 0 {
		return nil
	}
	return syscall.UnixRights(descriptors...)
}

func parseRights(room []byte) (list []int, err error) {
	messages, err := syscall.ParseSocketControlMessage(room)
	for _, m := range messages {
		some, e := syscall.ParseUnixRights(&m)
		list, err = append(list, some...), errors.Join(err, e)
	}
	return list, err
}

func closeDescriptors(list []int) {
	for _, fd := range list {
		syscall.Close(fd)
	}
}

// newChannel returns both ends of a channel: one is for another process.
func newChannel() (*Channel, *os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	c, err := openChannel(fds[0])
	if err != nil {
		syscall.Close(fds[1])
		return nil, nil, err
	}
	return c, os.NewFile(uintptr(fds[1]), "channel"), nil
}

// openChannel makes a channel of a descriptor, which it owns.
func openChannel(fd int) (*Channel, error) {
	f := os.NewFile(uintptr(fd), "channel")
	if f == nil {
		return nil, syscall.EBADF
	}
	defer f.Close()
	conn, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	c, ok := conn.(*net.UnixConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("the channel is a %T", conn)
	}
	return &Channel{conn: c, patience: givePatience}, nil
}

// shutRead has the other end's writes fail from now on. What it has written may
// still be read.
func shutRead(c *net.UnixConn) error { return c.CloseRead() }
