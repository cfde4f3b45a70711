package upstream

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
)

// ContextState is what WithClient and WithRequest have added to a context, as
// data.
type ContextState struct {
	Source      *AddrState    `json:",omitempty"`
	Destination *AddrState    `json:",omitempty"`
	Request     *RequestState `json:",omitempty"`
}

// AddrState is a net.Addr as data.
type AddrState struct{ Network, Address string }

// RequestState is for which request of which client connections are made.
type RequestState struct {
	URL    string
	Header http.Header
	Client netip.Addr
}

// ContextStateOf returns what there is in ctx.
func ContextStateOf(ctx context.Context) (st ContextState) {
	if c, ok := ctx.Value(clientKey{}).(client); ok {
		st.Source, st.Destination = addrState(c.source), addrState(c.destination)
	}
	if a, ok := ctx.Value(askerKey{}).(asker); ok {
		st.Request = &RequestState{a.request.URL.String(), a.request.Header, a.client}
	}
	return st
}

// Context returns a context like the one that st was taken of.
func (st ContextState) Context() (context.Context, error) {
	ctx := context.Background()
	if st.Source != nil || st.Destination != nil {
		ctx = WithClient(ctx, st.Source.addr(), st.Destination.addr())
	}
	if q := st.Request; q != nil {
		u, err := url.Parse(q.URL)
		if err != nil {
			return nil, err
		}
		ctx = WithRequest(ctx, &http.Request{URL: u, Header: q.Header}, q.Client)
	}
	return ctx, nil
}

func addrState(a net.Addr) *AddrState {
	if a == nil {
		return nil
	}
	return &AddrState{a.Network(), a.String()}
}

func (st *AddrState) addr() net.Addr {
	if st == nil {
		return nil
	}
	if at, err := netip.ParseAddrPort(st.Address); err == nil {
		return net.TCPAddrFromAddrPort(at)
	}
	return &net.UnixAddr{Name: st.Address, Net: st.Network}
}
