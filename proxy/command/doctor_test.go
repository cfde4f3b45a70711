package command

import (
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"usher/proxy/doctor"
)

func TestWriteFinding(t *testing.T) {
	var out strings.Builder
	writeFinding(&out, "127.0.0.1:3000", doctor.Finding{
		Path:      "/socket.io/",
		Speaks:    "Socket.IO 4 (EIO=4)",
		Diagnosis: doctor.SharedPath,
		Seen:      []string{"first", strings.Repeat("word ", 25)},
	})
	const want = `127.0.0.1:3000/socket.io/: two Socket.IO servers claim this path on one HTTP server
  speaks - Socket.IO 4 (EIO=4)
  seen   - first
         - word word word word word word word word word word word word word word word word word word
           word word word word word word word
  means  - clients that begin with polling, which is the default, stay on polling without a word
         - a client that begins with WebSocket kills the process: server.handleUpgrade() was called
           more than once with the same socket
  do     - give each server its own path: new Server(http, {path: "/admin/"}), and in its clients
           io(url, {path: "/admin/"})
         - or keep one Server and split it by namespace: io.of("/admin")
         - or run each in a process of its own, with usher in front: clients keep their URL (see it
           work: usher demo)
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDoctorAnswersNo(t *testing.T) {
	backend := httptest.NewServer(http.NotFoundHandler())
	defer backend.Close()
	var out bytes.Buffer
	if err := Doctor(t.Context(), &out, DoctorOptions{URL: backend.URL + "/live", Timeout: time.Second}); !errors.Is(err, errNo) {
		t.Errorf("got %v, want errNo", err)
	}
	if got, want := out.String(), "/live: nobody takes a WebSocket here\n"; !strings.Contains(got, want) {
		t.Errorf("got\n%s\nwant %q in it", got, want)
	}
}

func TestDoctorWrongUse(t *testing.T) {
	for _, o := range []DoctorOptions{
		{URL: "127.0.0.1:3000"},
		{URL: "ftp://127.0.0.1/"},
		{URL: "http://"},
		{URL: "http://127.0.0.1:3000/%zz"},
		{URL: "http://127.0.0.1:3000", Paths: []string{"live"}},
		{URL: "http://127.0.0.1:3000", Paths: []string{"/a b"}},
		{URL: "http://127.0.0.1:3000", Timeout: -time.Second},
	} {
		err := Doctor(t.Context(), t.Output(), o)
		if _, ok := errors.AsType[*UsageError](err); !ok {
			t.Errorf("%+v: got %v, want a UsageError", o, err)
		}
	}
}

func TestDoctorNothingThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	err = Doctor(t.Context(), t.Output(), DoctorOptions{URL: url, Timeout: 300 * time.Millisecond})
	if want := "takes connections, but answers no HTTP request within 300ms"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("mute server: got %v, want %q in it", err, want)
	}
	l.Close()
	err = Doctor(t.Context(), t.Output(), DoctorOptions{URL: url})
	if hinted, ok := errors.AsType[*hintError](err); !ok || !strings.HasPrefix(err.Error(), "nothing answers at 127.0.0.1:") || hinted.Hint == "" {
		t.Errorf("no server: got %v, want that nothing answers, with a hint", err)
	}
}
