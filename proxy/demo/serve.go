package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// Serve is one of the four services, in a process of its own. It writes its
// address to stdout, and ends when stdin or ctx does.
func Serve(ctx context.Context, stdin io.Reader, stdout io.Writer, name, listen string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	ctx = untilEnd(ctx, stdin)
	h := &handler{ctx: ctx, name: name, pid: os.Getpid()}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	context.AfterFunc(ctx, func() { server.Close() })
	if _, err := fmt.Fprintln(stdout, l.Addr()); err != nil {
		return err
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// handler answers HTTP and WebSocket alike.
type handler struct {
	ctx  context.Context // of the process
	name string
	pid  int
}

// ServeHTTP says who answers, once or by WebSocket.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") == "" {
		_, _ = fmt.Fprintf(w, "%s, process %d: you asked for %s\n", h.name, h.pid, r.URL.Path)
		return
	}
	s, err := accept(w, r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.talk(h.ctx, h.name, h.pid)
}

// news is what a service tells without being asked, one after the other.
func news(name string) []string {
	switch name {
	case "main":
		return []string{"1,204 visitors on the site", "1,198 visitors on the site", "1,215 visitors on the site", "search: \"blue mug\"", "1,221 visitors on the site"}
	case "admin":
		return []string{"3 reviews wait for approval", "a report is ready", "2 reviews wait for approval", "nobody is locked out", "backup done"}
	case "seller":
		return []string{"order 1042: two blue mugs", "order 1043: one teapot", "the teapot is packed", "order 1044: six spoons", "order 1042 was sent"}
	default:
		return []string{"Mina: is the blue mug still there?", "Tom: two are left", "Mina: I take both", "Ines: how long is the delivery?", "Tom: two days"}
	}
}
