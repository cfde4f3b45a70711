package proxy_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// apartEnv makes this program the upstream of a test, in a process of its own:
// the descriptors of one are not enough for so many.
const apartEnv = "USHER_TEST_APART"

// echoApart echoes until its standard input ends. What asks for /cut ends all
// connections.
func echoApart() {
	b := &backend{}
	b.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cut" {
			b.cut()
			return
		}
		echo(w, r)
	}))
	b.Config.ConnState = b.follow
	b.Start()
	fmt.Println(b.URL)
	io.Copy(io.Discard, os.Stdin)
}

// newTestApart runs echoApart in another process, and returns its URL.
func newTestApart(t *testing.T) string {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), apartEnv+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Wait()
	})
	var url string
	if _, err := fmt.Fscanln(out, &url); err != nil || !strings.HasPrefix(url, "http://") {
		t.Fatalf("upstream apart: got %q, %v, want its URL", url, err)
	}
	return url
}
