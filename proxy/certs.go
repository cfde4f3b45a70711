package proxy

import (
	"context"
	"sync"
)

// keepCerts keeps the certificates fresh until stop is called.
func (s *Server) keepCerts() (stop func()) {
	if s.certs == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var keeping sync.WaitGroup
	keeping.Go(func() { s.certs.Run(ctx) })
	return func() {
		cancel()
		keeping.Wait()
	}
}
