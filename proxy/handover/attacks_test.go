//go:build unix

package handover

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

type filer interface {
	io.Closer
	File() (*os.File, error)
}

// descriptorOf returns the descriptor of what was opened.
func descriptorOf[T filer](t *testing.T) func(opened T, err error) *os.File {
	return func(opened T, err error) *os.File {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		f, err := opened.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
}

// Row 57 of the attacks: a process that is given what is no listening socket, or
// a letter that is not whole, does not serve with it, and says why to who waits.
func TestAttack57Inheritance(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	pipe, other, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	defer pipe.Close()
	defer file.Close()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	whole := fmt.Sprintf(`{"Parent":%d,"Sockets":[{"Address":":80"}]}`, os.Getpid())
	for _, tt := range []struct {
		name, letter string
		file         *os.File
		want         string // on standard error
		told         string // to who waits
	}{
		{"a file", whole, file, "inherited socket", "inherited socket"},
		{"a pipe", whole, pipe, "inherited socket", "inherited socket"},
		{"a datagram socket", whole, descriptorOf[*net.UDPConn](t)(net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})), "inherited socket", "inherited socket"},
		{"a connection", whole, descriptorOf[*net.TCPConn](t)(net.DialTCP("tcp", nil, listener.Addr().(*net.TCPAddr))), "it does not listen", "it does not listen"},
		{"too few", fmt.Sprintf(`{"Parent":%d,"Sockets":[]}`, os.Getpid()), file, "handover of 0 sockets: got 2 descriptors", ""},
		{"too many", fmt.Sprintf(`{"Parent":%d,"Sockets":[{},{},{}]}`, os.Getpid()), file, "handover of 3 sockets: got 2 descriptors", ""},
		{"a letter cut off", whole[:len(whole)-3], file, "0 sockets, false", ""},
		{"a letter of somebody else", strings.Replace(whole, "Parent\":", "Parent\":1", 1), file, "0 sockets, false", ""},
		{"no letter", "null", file, "0 sockets, false", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			report, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer report.Close()
			c := exec.CommandContext(t.Context(), os.Args[0])
			c.Env = append(os.Environ(), roleEnv+"=takes", letterEnv+"="+tt.letter, "LISTEN_FDS=2")
			c.ExtraFiles = []*os.File{tt.file, write}
			out, _ := c.CombinedOutput() // it fails where it is to
			write.Close()
			told, _ := io.ReadAll(report)
			if !strings.Contains(string(out), tt.want) {
				t.Errorf("got %q, want %q", out, tt.want)
			}
			if !strings.Contains(string(told), tt.told) || tt.told == "" && len(told) > 0 {
				t.Errorf("told: got %q, want %q", told, tt.told)
			}
		})
	}
}

// A program that is no usher says what it likes without end, and a will may be too
// large: whoever was to be replaced has its sockets still, and serves on. More
// than the system lets stand in an environment no process is told at all.
func TestAttack57Program(t *testing.T) {
	for _, tt := range []struct{ role, want string }{
		{"floods", "new process: ready\nready\n"},
		{"half", "new process: rea"},
	} {
		sockets := newTestSockets(t)
		before := allocated()
		_, err := start(t, t.Context(), tt.role, 0, sockets...)
		if took := allocated() - before; took > 1<<20 {
			t.Errorf("%s: got %d bytes allocated for what it said, want a few times %d", tt.role, took, longestReport)
		}
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(err.Error()) > 2*longestReport {
			t.Errorf("%s: got %.100v, want %q", tt.role, err, tt.want)
		}
		for _, s := range sockets {
			c, err := net.Dial(s.Listener.Addr().Network(), s.Listener.Addr().String())
			if err != nil {
				t.Fatalf("%s: %v, want that the sockets still listen", tt.role, err)
			}
			c.Close()
		}
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := self.Start(t.Context(), newTestSockets(t), Will{Open: strings.Repeat("a", 1<<20)}); err == nil || !strings.Contains(err.Error(), "argument list too long") {
		t.Errorf("a will of 1 MiB: got %.100v, want that it is too long", err)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
