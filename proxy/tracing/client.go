package tracing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"usher/proxy/config"
)

const (
	// exportTimeout is how long one batch may take, with all its attempts.
	exportTimeout = 10 * time.Second
	// firstRetry is the time to the second attempt; it doubles with each.
	firstRetry = time.Second
	// logAgain is how often at most lost spans are logged.
	logAgain = time.Minute
	// maxAnswer is how much of a collector's answer is read, so that the
	// connection can be used again.
	maxAnswer = 64 << 10
)

// client sends spans by OTLP over HTTP: a POST of protobuf for each batch. It
// implements otlptrace.Client as otlptracehttp does, which would bring gRPC
// along and make the binary larger by a third.
type client struct {
	// static after construction
	url   string
	head  http.Header
	http  http.Client
	log   *slog.Logger
	retry time.Duration // firstRetry, but for tests

	last context.Context // done when Stop has begun: nothing is repeated any more
	stop context.CancelFunc
	life context.Context // done when Stop does not wait any longer
	cut  context.CancelFunc

	mu     sync.Mutex
	lost   int       // spans since the last line; guarded by mu
	logged time.Time // when that was; guarded by mu
}

func newClient(t config.Tracing, log *slog.Logger) *client {
	c := &client{url: t.Endpoint, head: http.Header{"Content-Type": {"application/x-protobuf"}}, log: log, retry: firstRetry}
	for _, h := range t.Headers {
		c.head[h.Name] = []string{h.Value}
	}
	c.http.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true}
	// The headers are for the endpoint that the file names, and for no other.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.last, c.stop = context.WithCancel(context.Background())
	c.life, c.cut = context.WithCancel(context.Background())
	return c
}

// Start implements otlptrace.Client.
func (c *client) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *client) Stop(context.Context) error { return nil }

// hurry has every export make one attempt more at most, and none once ctx is
// done. The caller calls done when it is.
func (c *client) hurry(ctx context.Context) (done func()) {
	c.stop()
	unhook := context.AfterFunc(ctx, c.cut)
	return func() { unhook() }
}

// close is called when nothing is exported any more.
func (c *client) close() {
	c.cut()
	c.http.CloseIdleConnections()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost > 0 {
		c.log.Warn("traces lost", slog.Int("spans", c.lost))
	}
}

// UploadTraces implements otlptrace.Client. It never returns an error: the SDK
// would give it to the handler that the whole process shares.
func (c *client) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// It is on the wire what ExportTraceServiceRequest is, whose package
	// brings gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err == nil {
		err = c.send(ctx, body)
	}
	if err != nil {
		c.lose(count(spans), err)
	}
	return nil
}

// send makes attempts until one succeeds, another would not help, or time is up.
func (c *client) send(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	for wait := c.retry; ; wait *= 2 {
		again, err := c.post(ctx, body)
		if err == nil || !again {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-c.last.Done():
			return err
		case <-time.After(wait):
		}
	}
}

// post makes one attempt, and tells whether another may succeed (OTLP 1.0,
// retryable answers).
func (c *client) post(ctx context.Context, body []byte) (again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("its URL is invalid")
	}
	r.Header = c.head.Clone()
	res, err := c.http.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the URL may hold a secret
		}
		return true, err
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)) //nolint:errcheck // the status says enough
	switch res.StatusCode {
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return false, nil
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		again = true
	}
	return again, fmt.Errorf("it answers %d", res.StatusCode)
}

// lose counts lost spans and tells the log about them, now and then.
func (c *client) lose(spans int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost += spans
	now := time.Now()
	if !c.logged.IsZero() && now.Sub(c.logged) < logAgain {
		return
	}
	c.log.Warn("traces lost: the collector does not take them", slog.Int("spans", c.lost), slog.Any("err", err))
	c.lost, c.logged = 0, now
}

func count(spans []*tracepb.ResourceSpans) (n int) {
	for _, r := range spans {
		for _, s := range r.GetScopeSpans() {
			n += len(s.GetSpans())
		}
	}
	return n
}
