package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"usher/proxy/certs"
	"usher/proxy/config"
	"usher/proxy/fleet/keys"
	"usher/proxy/fleet/link"
	"usher/proxy/fleet/member"
	"usher/proxy/fleet/owner"
	"usher/proxy/fleet/store"
	"usher/proxy/front"
	"usher/proxy/handover"
	"usher/proxy/handshake"
	"usher/proxy/headers"
)

// ErrFleet is in each error of joining the fleet.
var ErrFleet = errors.New("fleet")

// meetTime is how long a server that starts waits for the other nodes, whose
// sessions' requests may come at once.
const meetTime = time.Second

// adviseEvery is how often a Redis that is away is asked for what is unwise.
const adviseEvery = 5 * time.Second

// fleet is what this usher and others have in common, from New to the end of Run:
// a reload does not change it. It is nil for an usher by itself.
type fleet struct {
	keys  *keys.Ring
	store *store.Store // nil without Redis

	link     *link.Link
	listener net.Listener
	address  string // where it listens, as it stands in the file or follows from it

	member *member.Member // nil without Redis
}

func openFleet(cfg *config.Config, log *slog.Logger) (*fleet, error) {
	if len(cfg.Fleet.Secrets) == 0 {
		return nil, nil
	}
	f := &fleet{keys: keys.New(cfg.Fleet.Secrets), address: cfg.Fleet.Node.Address}
	if cfg.Fleet.Redis.Kind == config.NoRedis {
		return f, nil
	}
	secure, err := certs.ForRedis(cfg)
	if err != nil {
		return nil, err
	}
	f.store = store.New(cfg.Fleet.Redis, cfg.Fleet.Name, secure, log)
	return f, nil
}

// share has k keep the fleet's certificates.
func (f *fleet) share(k *certs.Keeper) {
	if f != nil && f.store != nil {
		k.Share(f.store, f.keys)
	}
}

// join has s be a node of its fleet, if it has one.
func (s *Server) join(cfg *config.Config, from *handover.Inheritance) error {
	f := s.fleet
	if f == nil {
		return nil
	}
	var err error
	if f.address == "" {
		f.address, err = privateAddress()
	}
	if err == nil {
		f.listener, err = f.listen(from)
	}
	if err == nil {
		f.link, err = link.New(link.Config{
			ID: cmp.Or(cfg.Fleet.Node.ID, s.succession.node, headers.NewID()), Listener: f.listener,
			Keys: f.keys.All(keys.Link), Nodes: nodesOf(cfg.Fleet.Nodes), Log: s.log, ErrorLog: front.ErrorLog(s.log),
			Handler: owner.Owner{Has: s.namespaces.Has, Serve: s.servePassed}, ConnContext: handshake.ConnContext,
		})
	}
	if err != nil {
		return fmt.Errorf("%s:%d:%d: %w: %w", cfg.File, cfg.Fleet.Line, cfg.Fleet.Column, ErrFleet, err)
	}
	if f.store != nil {
		epoch := headers.NewID()
		f.member = &member.Member{
			Shared: f.store, Link: f.link, File: nodesOf(cfg.Fleet.Nodes), Log: s.log,
			Own: func() member.Note { return s.note(epoch) },
		}
	}
	s.namespaces.Owners = owner.New(f.link, f.keys.All(keys.Affinity))
	s.live.Load().pool.UseSecret(f.keys.Now(keys.Affinity))
	return nil
}

// note is what this node says of itself to the others.
func (s *Server) note(epoch string) member.Note {
	address := s.fleet.address
	if _, port, err := net.SplitHostPort(address); err != nil || port == "0" {
		address = s.fleet.link.Addr().String()
	}
	state := "ready"
	if s.stopping.Load() {
		state = "leaving"
	}
	return member.Note{
		ID: s.fleet.node(), Address: address, Epoch: epoch, Version: s.Version, State: state,
		Sessions: s.sessions.Stats().Open,
	}
}

func nodesOf(addresses []string) []link.Node {
	list := make([]link.Node, len(addresses))
	for i, a := range addresses {
		list[i].Address = a
	}
	return list
}

// privateAddress is where other nodes reach this one if the file does not say.
func privateAddress() (string, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return "", err
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsPrivate() {
			return net.JoinHostPort(n.IP.String(), strconv.Itoa(config.NodePort)), nil
		}
	}
	return "", errors.New("this machine has no private address: say by node.address where other nodes reach it")
}

func (f *fleet) listen(from *handover.Inheritance) (net.Listener, error) {
	if s, ok := from.Take(f.address); ok {
		return s.Listener, nil
	}
	return net.Listen("tcp", f.address)
}

// start looks for the other nodes.
func (f *fleet) start(ctx context.Context, log *slog.Logger) {
	if f == nil {
		return
	}
	log.Info("node of a fleet", "node", f.node(), "address", f.link.Addr().String())
	f.link.Start()
	if f.member != nil {
		f.member.Beat(ctx, time.Now())
	}
	ctx, cancel := context.WithTimeout(ctx, meetTime)
	defer cancel()
	f.link.Meet(ctx)
}

// handOn returns the socket for the process that takes this one's place.
func (f *fleet) handOn() []handover.Socket {
	if f == nil {
		return nil
	}
	return []handover.Socket{handover.NewSocket(f.listener, f.address, "")}
}

// leave has the other nodes come to the process that has taken this one's place.
func (f *fleet) leave(ctx context.Context) {
	if f != nil {
		f.listener.Close()
		f.link.Leave(ctx)
	}
}

// stop ends what other nodes have begun here when ctx is done.
func (f *fleet) stop(ctx context.Context) {
	if f != nil {
		f.link.Stop(ctx)
	}
}

// advise says in the log what is unwise about Redis, once it answers.
func (f *fleet) advise(ctx context.Context, log *slog.Logger) {
	if f == nil || f.store == nil {
		return
	}
	t := time.NewTicker(adviseEvery)
	defer t.Stop()
	for {
		if advice, err := f.store.Advice(ctx); err == nil {
			if advice != "" {
				log.Warn("fleet", "warning", advice)
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// close ends what openFleet and join have begun.
func (f *fleet) close() {
	if f == nil {
		return
	}
	if f.listener != nil {
		f.listener.Close()
	}
	if f.store != nil {
		f.store.Close()
	}
}

// nodes returns the other nodes.
func (f *fleet) nodes() []link.Peer {
	if f == nil {
		return nil
	}
	return f.link.Peers()
}

// node returns the id of this one, "" without a fleet.
func (f *fleet) node() string {
	if f == nil {
		return ""
	}
	return f.link.ID()
}

// servePassed serves what another node has passed on.
func (s *Server) servePassed(w http.ResponseWriter, r *http.Request, sender headers.Sender) {
	s.live.Load().handshake.ServePassed(w, r, sender)
}
