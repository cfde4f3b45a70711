package handover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/coreos/go-systemd/v22/activation"

	"usher/proxy/socket"
)

// letterEnv is the variable with a letter.
const letterEnv = "USHER_HANDOVER"

// ready is what a process reports that serves. Anything else is an error.
const ready = "ready\n"

// letter is what an usher writes to the one that takes its place.
type letter struct {
	Parent  int             // the pid of who wrote it: the variable may be passed on to others
	Sockets []Socket        // in the order of their descriptors; the pipe for the report follows
	Will    json.RawMessage `json:",omitempty"`
	Channel int             // its descriptor, which LISTEN_FDS does not count: older ushers do not know it
}

// Socket is a listening socket on its way from one usher to the next.
type Socket struct {
	Address string // in the routes file
	Name    string // by the service manager; "" if usher has opened it
	Owned   bool   // the file of a unix socket goes with it

	Listener net.Listener `json:"-"`
}

// NewSocket returns l with what the process that takes this one's place is told
// of it.
func NewSocket(l net.Listener, address, name string) Socket {
	unix, ok := l.(*socket.Unix)
	return Socket{Address: address, Name: name, Owned: ok && unix.Owned(), Listener: l}
}

// Inheritance is what a process was given at its start. The methods of a nil
// one do nothing: there is none.
type Inheritance struct {
	sockets []Socket       // not taken yet
	files   []*socket.Unix // whose files go with them: from Ready on they are this process's
	report  io.WriteCloser // to who was here before; nil if nobody was
	will    json.RawMessage
	secret  json.RawMessage
	channel *Channel // nil if what the usher before has cannot be taken
}

// Receive takes what this process was given, once, and out of the environment.
func Receive() (*Inheritance, error) {
	l := readLetter()
	files := activation.Files(true)
	in := &Inheritance{}
	if l != nil {
		if len(files) != len(l.Sockets)+1 {
			closeFiles(files)
			return nil, fmt.Errorf("handover of %d sockets: got %d descriptors, want one more", len(l.Sockets), len(files))
		}
		in.report, files, in.will = files[len(files)-1], files[:len(files)-1], l.Will
	}
	if l != nil && l.Channel > 0 {
		in.meet(l.Channel)
	}
	for i, f := range files {
		s := Socket{Name: f.Name()}
		if l != nil {
			s = l.Sockets[i]
		}
		var err error
		if s.Listener, err = socket.Inherit(f); err != nil {
			closeFiles(files[i+1:])
			err = fmt.Errorf("inherited socket %q: %w", f.Name(), err)
			in.Fail(err)
			in.Close()
			return nil, err
		}
		if u, ok := s.Listener.(*socket.Unix); ok && s.Owned {
			in.files = append(in.files, u)
		}
		in.sockets = append(in.sockets, s)
	}
	return in, nil
}

// readLetter returns the letter that is for this process, or nil. What the
// service manager has addressed to its predecessor is for this one too.
func readLetter() *letter {
	text := os.Getenv(letterEnv)
	os.Unsetenv(letterEnv) //nolint:errcheck // as all here, of a name that is sound
	var l letter
	if json.Unmarshal([]byte(text), &l) != nil || l.Parent != os.Getppid() {
		return nil
	}
	pid := strconv.Itoa(os.Getpid())
	os.Setenv("LISTEN_PID", pid) //nolint:errcheck // as said
	if os.Getenv(watchdogPID) != "" {
		os.Setenv(watchdogPID, pid) //nolint:errcheck // as said
	}
	return &l
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Take returns the socket for an address of the routes file, which is the
// caller's then. Without one ok is false.
func (in *Inheritance) Take(address string) (s Socket, ok bool) {
	if in == nil {
		return Socket{}, false
	}
	i := slices.IndexFunc(in.sockets, func(s Socket) bool { return s.Address == address })
	if i < 0 {
		i = slices.IndexFunc(in.sockets, func(s Socket) bool { return s.Address == "" && listensOn(s.Listener, address) })
	}
	if i < 0 {
		return Socket{}, false
	}
	s = in.sockets[i]
	s.Address = address
	in.sockets = slices.Delete(in.sockets, i, i+1)
	return s, true
}

// Will reads into v what the usher before has left besides its sockets, and
// reports whether that was something that v can hold.
func (in *Inheritance) Will(v any) bool {
	return in != nil && len(in.will) > 0 && json.Unmarshal(in.will, v) == nil
}

// Secret is Will for what nobody else may read. What is read is forgotten.
func (in *Inheritance) Secret(v any) bool {
	if in == nil || len(in.secret) == 0 {
		return false
	}
	defer func() { clear(in.secret); in.secret = nil }()
	return json.Unmarshal(in.secret, v) == nil
}

// Channel returns the channel by which the usher before gives what it has, which
// is the caller's then; nil if it does not.
func (in *Inheritance) Channel() *Channel {
	if in == nil {
		return nil
	}
	c := in.channel
	in.channel = nil
	return c
}

// Check is called when everything that is wanted was taken. A socket of the
// service manager's that is left is an error: its clients would wait for an
// answer forever. An usher's own may be left: the routes file has changed.
func (in *Inheritance) Check() error {
	if in == nil {
		return nil
	}
	var err error
	for _, s := range in.sockets {
		if s.Name != "" {
			err = errors.Join(err, fmt.Errorf("socket %q of the service manager listens on %s, but nothing in the routes file does: add it to listen, or disable the socket unit",
				s.Name, s.Listener.Addr()))
		}
	}
	return err
}

// Close closes what was not taken. Their files are left to who was here before,
// but for Ready.
func (in *Inheritance) Close() {
	if in == nil {
		return
	}
	for _, s := range in.sockets {
		s.Listener.Close()
	}
	in.sockets = nil
	in.Channel().Close()
}

// Succeeds reports whether another usher waits for this one to take its place.
func (in *Inheritance) Succeeds() bool { return in != nil && in.report != nil }

// Ready tells who was here before that this process serves, and ends what
// nobody has taken.
func (in *Inheritance) Ready() {
	if in == nil {
		return
	}
	for _, u := range in.files {
		u.Take() //nolint:errcheck // a file that is not there need not be removed
	}
	in.files = nil
	in.Close()
	in.tell(ready)
}

// Fail tells who was here before, unless Ready has, that this process will not
// serve, and why. It does nothing if err is nil.
func (in *Inheritance) Fail(err error) {
	if err != nil {
		in.tell(err.Error())
	}
}

func (in *Inheritance) tell(text string) {
	if !in.Succeeds() {
		return
	}
	io.WriteString(in.report, text) //nolint:errcheck // who has gone does not wait
	in.report.Close()
	in.report = nil
}
