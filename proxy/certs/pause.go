package certs

import "context"

type pauseKey struct{}

// WithPause returns a context for a handshake that others wait for: pause is
// called before it is known whether a certificate has to be asked for, and what
// that returns when the certificate is there.
func WithPause(ctx context.Context, pause func() (resume func())) context.Context {
	return context.WithValue(ctx, pauseKey{}, pause)
}

// pauseOf calls what WithPause has put into ctx, if anything.
func pauseOf(ctx context.Context) (resume func()) {
	if pause, ok := ctx.Value(pauseKey{}).(func() (resume func())); ok {
		return pause()
	}
	return func() {}
}
