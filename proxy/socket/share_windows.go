package socket

import (
	"errors"
	"io/fs"
	"net"
	"os"
)

// Share is for systems where processes can share a listening socket.
func Share(net.Listener) (*os.File, error) { return nil, errors.ErrUnsupported }

// Inherit is for systems where processes can share a listening socket.
func Inherit(*os.File) (net.Listener, error) { return nil, errors.ErrUnsupported }

func limitMode(uintptr, fs.FileMode) {}
