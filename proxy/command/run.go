package command

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"

	"usher/proxy"
	"usher/proxy/config"
	"usher/proxy/handover"
)

// Run serves the routes file until ctx ends, and logs to stderr. It listens on
// what it was given, by systemd or by the usher whose place it takes.
func Run(ctx context.Context, file string, stderr *os.File) error {
	given, err := handover.Receive()
	if err != nil {
		return err
	}
	defer given.Close()
	log, how := newLog(stderr)
	leadStandard(log)
	err = serve(ctx, file, given, log, how)
	given.Fail(err) // unless it was ready
	return err
}

func serve(ctx context.Context, file string, given *handover.Inheritance, log *slog.Logger, how *logSwitch) error {
	hangups := catch(syscall.SIGHUP) // what comes before the server is there would end the process
	upgrade, _ := upgradeSignal()
	upgrades := catch(upgrade)
	cfg, err := load(file)
	if err != nil {
		return err
	}
	how.set(cfg.Log)
	server, err := proxy.Inherit(cfg, log, given)
	if err != nil {
		return withListenHint(err)
	}
	server.Version, server.Logging = version(), how.set
	server.Load = func() (*config.Config, error) { return load(file) }
	server.Supervisor = handover.NewSupervisor(log)
	if server.Program, err = handover.Self(); err != nil {
		log.Warn("upgrades are not possible", "error", err)
	}
	// What comes of these the log says.
	defer hangups.heed(func() { _ = server.ReloadFile() })()
	defer upgrades.heed(func() { server.Upgrade(context.Background()) })() //nolint:errcheck // as said
	// Each loop of the relay keeps a processor, in the scheduler's sense, while
	// it waits for a moment. The other goroutines get as many of their own.
	runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	go tendMemory(ctx, func() uint64 { return server.Stats().Sessions.Opened }, debug.FreeOSMemory)
	return server.Run(ctx)
}

// load reads the routes file; its error says what to do where that is clear.
func load(file string) (*config.Config, error) {
	cfg, err := config.Load(file)
	switch {
	case err == nil:
		return cfg, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, &hintError{Err: noFile(file), Hint: `name one with --routes FILE or USHER_ROUTES, or see usher at work without one: "usher demo"`}
	case errors.Is(err, fs.ErrPermission):
		return nil, &hintError{Err: err, Hint: "this user must be able to read the routes file"}
	case errors.Is(err, syscall.EISDIR):
		return nil, &hintError{Err: err, Hint: "name the file in it, such as " + filepath.Join(file, "routes.yaml")}
	}
	return nil, err
}

func withListenHint(err error) error {
	_, ofNet := errors.AsType[*net.OpError](err)
	key := "listen"
	switch {
	case errors.Is(err, proxy.ErrAdmin):
		key = "admin"
	case errors.Is(err, proxy.ErrFleet):
		key = "node.address of fleet"
	}
	switch {
	case errors.Is(err, fs.ErrPermission) && !ofNet:
		return &hintError{Err: err, Hint: "this user must be able to read and write what usher keeps there: run usher as its owner, or give it to this user"}
	case errors.Is(err, syscall.EADDRINUSE):
		return &hintError{Err: err, Hint: "another process listens there: stop it, or change " + key + " in the routes file"}
	case errors.Is(err, syscall.EACCES):
		return &hintError{Err: err, Hint: "ports below 1024 need a privilege: change " + key + " in the routes file, or grant CAP_NET_BIND_SERVICE"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &hintError{Err: err, Hint: "this machine has no such address: change " + key + " in the routes file"}
	}
	return err
}
