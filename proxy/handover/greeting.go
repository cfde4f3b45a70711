package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// The first that two ushers say to each other: the new one which format it
// reads, and the one before, if that is its own, its secrets.
const (
	hello  = "hello"
	secret = "secret"
)

// greetingTime is how long an usher waits for another that is there.
const greetingTime = 5 * time.Second

// greet waits for the new process to say which format it reads, and gives it the
// secrets if it is this one. It returns when the channel's deadline comes, too.
func (c *Channel) greet(secrets any) error {
	m, err := c.receive()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("it is of an earlier version, which takes over no sessions")
	}
	if err != nil {
		return err
	}
	var reads Format
	if err := json.Unmarshal(m.Body, &reads); m.Kind != hello || err != nil {
		return fmt.Errorf("it says %q", m.Kind)
	}
	if reads.Major != format.Major {
		return fmt.Errorf("it reads format %d.%d, this process writes %d.%d", reads.Major, reads.Minor, format.Major, format.Minor)
	}
	return c.send(message{Kind: secret}, secrets)
}

// meet greets the usher before over the channel of that descriptor. Where nothing
// comes of it, the other's sessions are not taken over.
func (in *Inheritance) meet(descriptor int) {
	c, err := openChannel(descriptor)
	if err != nil {
		return
	}
	c.conn.SetDeadline(time.Now().Add(greetingTime))
	m, err := c.introduce()
	if err != nil {
		c.Close()
		return
	}
	c.conn.SetDeadline(time.Time{})
	in.channel, in.secret = c, m.Body
}

func (c *Channel) introduce() (m message, err error) {
	if err = c.send(message{Kind: hello}, format); err == nil {
		m, err = c.receive()
	}
	if err == nil && m.Kind != secret {
		err = fmt.Errorf("it says %q", m.Kind)
	}
	return m, err
}
