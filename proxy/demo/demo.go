// Package demo shows usher at work without a routes file: four small upstream
// processes, usher in front of them, and a page that talks to all four.
//
// The services are real processes, so that killing one is the real thing. They
// end when their standard input does, whatever becomes of the process that
// started them; where the kernel can do so, it kills them too.
package demo

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"usher/proxy"
	"usher/proxy/config"
)

//go:embed routes.yaml
var routes []byte

// Names are the four services, in the order of the page.
func Names() []string { return []string{"main", "admin", "seller", "chat"} }

// DefaultListen is where usher listens unless it is told.
const DefaultListen = "127.0.0.1:8080"

// Options say how the demo runs.
type Options struct {
	Program []string      // the command that is a service: name and address are put behind it
	Listen  string        // if "", DefaultListen
	Pause   time.Duration // before a service that ended is started again; if zero, 2 s
	Log     *slog.Logger  // of usher; if nil, nowhere
}

// Run runs the demo until ctx ends, and says on w what to open. When it
// returns, no process is left.
func Run(ctx context.Context, w io.Writer, o Options) error {
	out := &printer{w: w}
	// The services outlive ctx: usher closes the sockets first.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	services, err := startServices(running, out, o)
	defer services.wait()
	defer cancel()
	if err != nil {
		return err
	}
	page, err := startPage(services)
	if err != nil {
		return err
	}
	defer page.Close()
	server, err := newServer(services, page, o)
	if err != nil {
		return err
	}
	out.welcome(base(server.Addresses()[0]), services)
	return server.Run(ctx)
}

// newServer is usher with the demo's routes.
func newServer(services services, page *page, o Options) (*proxy.Server, error) {
	addresses := map[string]string{
		"LISTEN": cmp.Or(o.Listen, DefaultListen),
		"PAGE":   page.address,
	}
	for _, s := range services {
		addresses[strings.ToUpper(s.name)] = s.address
	}
	cfg, err := config.Parse("demo.yaml", routes, func(name string) (string, bool) {
		value, ok := addresses[name]
		return value, ok
	})
	if err != nil {
		if _, _, bad := net.SplitHostPort(addresses["LISTEN"]); bad != nil {
			return nil, &ListenError{Address: o.Listen}
		}
		return nil, err
	}
	return proxy.New(cfg, cmp.Or(o.Log, slog.New(slog.DiscardHandler)))
}

// ListenError is an address that nobody can listen on.
type ListenError struct {
	Address string
}

// Error names the address.
func (e *ListenError) Error() string {
	return fmt.Sprintf("%q is no address to listen on", e.Address)
}

// services are the four, in the order of Names.
type services []*service

// startServices starts all services and waits until each has an address. What
// it returns must be waited for, also behind an error.
func startServices(ctx context.Context, out *printer, o Options) (services, error) {
	var list services
	for _, name := range Names() {
		list = append(list, newService(name, o.Program, cmp.Or(o.Pause, 2*time.Second), out))
	}
	for _, s := range list {
		go s.supervise(ctx)
	}
	for _, s := range list {
		select {
		case <-s.ready:
		case <-s.done:
		}
		if s.address == "" {
			return list, fmt.Errorf("start service %q: %w", s.name, cmp.Or(s.err, errors.New("it ended at once")))
		}
	}
	return list, nil
}

// wait returns when all processes are gone.
func (l services) wait() {
	for _, s := range l {
		<-s.done
	}
}

// named returns the service of that name, or nil.
func (l services) named(name string) *service {
	for _, s := range l {
		if s.name == name {
			return s
		}
	}
	return nil
}

// printer writes whole lines from several goroutines.
type printer struct {
	mu sync.Mutex
	w  io.Writer
}

func (p *printer) printf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.w, format, args...) // the demo goes on when nobody reads
}

func (p *printer) welcome(base string, services services) {
	p.printf("four processes, and usher in front of them:\n\n")
	for _, s := range services {
		p.printf("  %-6s  process %-7d  %s/%s\n", s.name, s.pid(), base, s.name)
	}
	p.printf("\nopen %s in a browser; Ctrl-C ends all of it\n\n", base)
}

// base returns the URL by which a browser on this machine gets to address.
func base(address net.Addr) string {
	if tcp, ok := address.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + address.String()
}
