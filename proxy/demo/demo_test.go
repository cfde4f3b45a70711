package demo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/proxy/demo"
	"usher/proxy/waittest"
)

// TestMain lets the test binary be the demo's other processes.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == "service" {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := demo.Serve(ctx, os.Stdin, os.Stdout, os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) == 2 && os.Args[1] == "whole-demo" {
		fmt.Fprintln(os.Stderr, demo.Run(context.Background(), os.Stdout, demo.Options{Program: program(), Listen: "127.0.0.1:0"}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func program() []string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return []string{self, "service"}
}

func TestDemo(t *testing.T) {
	d := startDemo(t)
	clients := make(map[string]*client)
	for _, name := range demo.Names() {
		c := d.connect(t, name)
		hello := c.next(t, "hello")
		if hello.Service != name || hello.PID != d.pids[name] {
			t.Errorf("%s: got hello from %+v, want process %d", name, hello, d.pids[name])
		}
		c.say(t, "how are you, "+name+"?")
		if got, want := c.next(t, "echo").Text, "how are you, "+name+"?"; got != want {
			t.Errorf("%s: got echo %q, want %q", name, got, want)
		}
		clients[name] = c
	}
	for name, c := range clients {
		if c.next(t, "tick").Text == "" {
			t.Errorf("%s: got an empty tick", name)
		}
	}

	t.Run("http", func(t *testing.T) {
		wantBody(t, d.get(t, "/admin/orders"), fmt.Sprintf("admin, process %d: you asked for /orders", d.pids["admin"]))
		wantBody(t, d.get(t, "/"), `<script src="/demo.js" defer>`)
		wantBody(t, d.get(t, "/demo.js"), "class Panel")
		wantBody(t, d.get(t, "/style.css"), "prefers-color-scheme: dark")
	})
	t.Run("kill is for the page only", func(t *testing.T) {
		r := d.post(t, "/kill/admin", "Origin", "https://other.example")
		if r.StatusCode != http.StatusForbidden {
			t.Errorf("from another origin: got %s, want 403", r.Status)
		}
		if r := d.post(t, "/kill/nobody", "Sec-Fetch-Site", "same-origin"); r.StatusCode != http.StatusNotFound {
			t.Errorf("of nobody: got %s, want 404", r.Status)
		}
	})
	t.Run("kill one", func(t *testing.T) {
		if r := d.post(t, "/kill/admin", "Sec-Fetch-Site", "same-origin"); r.StatusCode != http.StatusOK {
			t.Fatalf("got %s, want 200", r.Status)
		}
		if code := clients["admin"].wantClose(t); code != 1011 {
			t.Errorf("its client got Close %d, want 1011", code)
		}
		for _, name := range []string{"main", "seller", "chat"} {
			clients[name].say(t, "still there?")
			clients[name].next(t, "echo")
		}
		clients["admin"] = d.connect(t, "admin")
		back := clients["admin"].next(t, "hello")
		if back.PID == d.pids["admin"] {
			t.Errorf("got hello from the killed process %d", back.PID)
		}
		d.pids["admin again"] = back.PID
	})
	t.Run("stop", func(t *testing.T) {
		d.cancel()
		for name, c := range clients {
			if code := c.wantClose(t); code != 1001 && code != 1012 {
				t.Errorf("%s: got Close %d, want 1001 or 1012", name, code)
			}
		}
		if err := <-d.end; err != nil {
			t.Errorf("got %v, want nil", err)
		}
		for name, pid := range d.pids {
			if !gone(pid) {
				t.Errorf("%s: process %d is still there", name, pid)
			}
		}
	})
}

func TestAddressTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	err = demo.Run(t.Context(), io.Discard, demo.Options{Program: program(), Listen: l.Addr().String()})
	if !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v, want %v", err, syscall.EADDRINUSE)
	}
}

func TestNoAddress(t *testing.T) {
	err := demo.Run(t.Context(), io.Discard, demo.Options{Program: program(), Listen: "8080"})
	if _, ok := errors.AsType[*demo.ListenError](err); !ok {
		t.Errorf("got %v, want a ListenError", err)
	}
}

func TestServiceDoesNotStart(t *testing.T) {
	for _, program := range [][]string{{"/nonexistent/usher"}, {"/bin/false"}} {
		err := demo.Run(t.Context(), io.Discard, demo.Options{Program: program, Listen: "127.0.0.1:0"})
		if want := `start service "main": `; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", program[0], err, want)
		}
	}
}

// TestKilledDemo kills the demo in the way that leaves it no time to clean up.
func TestKilledDemo(t *testing.T) {
	cmd := exec.Command(program()[0], "whole-demo")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d := &running{pids: make(map[string]int)}
	d.read(t, stdout)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // that it was killed is known
	for name, pid := range d.pids {
		waittest.Until(t, "the end of "+name, func() bool { return gone(pid) })
	}
}

// TestServiceEndsWithStdin is what ends a service where the kernel does not.
func TestServiceEndsWithStdin(t *testing.T) {
	r, w := io.Pipe()
	end := make(chan error, 1)
	go func() { end <- demo.Serve(t.Context(), r, io.Discard, "main", "127.0.0.1:0") }()
	select {
	case err := <-end:
		t.Fatalf("it ended before its input did: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	w.Close()
	select {
	case err := <-end:
		if err != nil {
			t.Errorf("got %v, want nil", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it still runs 5 s after the end of its input")
	}
}
