package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"usher/proxy/demo"
)

// DemoServiceVerb is the hidden verb that is one of the demo's processes.
const DemoServiceVerb = "demo-service"

// DemoOptions say how the demo runs.
type DemoOptions struct {
	Listen string // if "", demo.DefaultListen
}

// Demo runs four services and usher in front of them until ctx ends, and says
// on w what to open. The services are this program with DemoServiceVerb.
func Demo(ctx context.Context, w io.Writer, o DemoOptions) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return demoError(o.Listen, demo.Run(ctx, w, demo.Options{Program: []string{program, DemoServiceVerb}, Listen: o.Listen}))
}

// demoError puts in the user's words what can be mended by --listen.
func demoError(listen string, err error) error {
	if bad, ok := errors.AsType[*demo.ListenError](err); ok {
		return &UsageError{Text: fmt.Sprintf("--listen: %v", bad), Hint: "it is HOST:PORT, as in 127.0.0.1:9000"}
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return &hintError{
			Err:  fmt.Errorf("%s is taken by another process", cmp.Or(listen, demo.DefaultListen)),
			Hint: "choose another address with --listen 127.0.0.1:9000",
		}
	}
	return err
}

// DemoService is one of the demo's processes: a small upstream that answers
// HTTP and WebSocket on the address listen. It writes the address to stdout,
// and ends when stdin or ctx does.
func DemoService(ctx context.Context, stdin io.Reader, stdout io.Writer, name, listen string) error {
	return demo.Serve(ctx, stdin, stdout, name, listen)
}
