package handover

import (
	"errors"
	"net"
	"os"
)

const rightsRoom = 0

func rights([]int) []byte               { return nil }
func parseRights([]byte) ([]int, error) { return nil, nil }
func closeDescriptors([]int)            {}

// newChannel returns both ends of a channel: one is for another process.
func newChannel() (*Channel, *os.File, error) { return nil, nil, errors.ErrUnsupported }

func openChannel(int) (*Channel, error) { return nil, errors.ErrUnsupported }

func shutRead(c *net.UnixConn) error { return c.CloseRead() }
