package command

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"usher/proxy/demo"
)

func TestDemoError(t *testing.T) {
	taken := fmt.Errorf("demo.yaml:3:9: %w", &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)})
	other := errors.New("other")
	for _, tt := range []struct {
		err    error
		want   string
		hint   string
		status int
	}{
		{nil, "", "", exitOK},
		{taken, "usher: 127.0.0.1:8080 is taken by another process\n", "--listen", exitNo},
		{&demo.ListenError{Address: "x"}, "usher: --listen: \"x\" is no address to listen on\n", "HOST:PORT", exitUsage},
		{other, "usher: other\n", "", exitNo},
	} {
		var out strings.Builder
		if got := Report(&out, demoError("", tt.err)); got != tt.status {
			t.Errorf("%v: got exit status %d, want %d", tt.err, got, tt.status)
		}
		if got := out.String(); !strings.HasPrefix(got, tt.want) || !strings.Contains(got, tt.hint) {
			t.Errorf("%v: got %q, want %q and a hint with %q", tt.err, got, tt.want, tt.hint)
		}
	}
}

func TestDemoService(t *testing.T) {
	address, output := io.Pipe()
	input, closeInput := io.Pipe()
	end := make(chan error, 1)
	go func() { end <- DemoService(t.Context(), input, output, "main", "127.0.0.1:0") }()
	var listening string
	if _, err := fmt.Fscanln(address, &listening); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", listening)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	closeInput.Close()
	if err := <-end; err != nil {
		t.Errorf("got %v, want nil", err)
	}
}
