package upstream

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"usher/proxy/config"
	"usher/proxy/ws"
)

const (
	// maxCheckHead is how much of an answer a check reads.
	maxCheckHead = 64 << 10
	// maxCheckInterim is how many answers 1xx may come before the real one.
	maxCheckInterim = 8
	// closeFrame says 1000, masked with zeros (RFC 6455, 5.5.1).
	closeFrame = "\x88\x82\x00\x00\x00\x00\x03\xe8"
)

// checker checks one endpoint from time to time.
type checker struct {
	endpoint *Endpoint
	check    config.Check
	stop     context.CancelFunc
}

// run checks until ctx is done. The times between checks vary by a tenth, so
// that several ushers do not come to check at the same instants.
func (k *checker) run(ctx context.Context) {
	for ctx.Err() == nil {
		k.report(ctx, k.once(ctx))
		every := float64(k.check.Every)
		pause := time.NewTimer(time.Duration(every * (0.9 + 0.2*k.endpoint.settings.random())))
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// report notes the outcome, unless the check was stopped meanwhile, or could not
// be made as usher has no descriptor left: that says nothing about e.
func (k *checker) report(ctx context.Context, err error) {
	e := k.endpoint
	failed, ok := errors.AsType[*DialError](err)
	local := ok && failed.Kind == Local
	now := time.Now()
	e.change(now, func(h *health) {
		if ctx.Err() != nil || local {
			return
		}
		if err == nil {
			e.counts.checksPassed.Add(1)
			k.passed(h, now)
		} else {
			e.counts.checksFailed.Add(1)
			h.fails(now, "check: "+err.Error())
		}
		h.checked(err == nil, k.check.Healthy, k.check.Unhealthy)
	})
}

// passed notes what a check that has passed says besides: that there was a
// connection, so that no client need try, or that the server takes WebSocket.
func (k *checker) passed(h *health, now time.Time) {
	if k.check.Kind == config.CheckWebSocket {
		h.answered(now)
		return
	}
	h.dialled()
}

// once makes one check. Its error does not show the path, which may hold a
// token.
func (k *checker) once(ctx context.Context) error {
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, k.check.Timeout)
	defer cancel()
	conn, secured, err := k.endpoint.connect(ctx, netip.Addr{}, false)
	if err != nil {
		return k.endpoint.dialError(parent, secured, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	switch k.check.Kind {
	case config.CheckTCP:
	case config.CheckPath:
		err = k.get(conn)
	case config.CheckWebSocket:
		err = k.upgrade(conn)
	}
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		return errors.New("no answer in time")
	}
	return Explain(err)
}

func (k *checker) get(conn net.Conn) error {
	res, err := k.ask(conn, "Connection: close\r\n")
	if err != nil {
		return err
	}
	if res.StatusCode < 200 || res.StatusCode > 399 {
		return fmt.Errorf("status %d, not 2xx or 3xx", res.StatusCode)
	}
	return nil
}

func (k *checker) upgrade(conn net.Conn) error {
	var random [16]byte
	rand.Read(random[:]) // never fails
	key := base64.StdEncoding.EncodeToString(random[:])
	res, err := k.ask(conn, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "+key+"\r\n")
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		return fmt.Errorf("status %d, not 101", res.StatusCode)
	}
	if res.Header.Get("Sec-WebSocket-Accept") != ws.AcceptKey(key) {
		return errors.New("101 with a wrong Sec-WebSocket-Accept")
	}
	_, err = io.WriteString(conn, closeFrame)
	return err
}

// ask sends a request with these header lines and returns the head of the
// answer.
func (k *checker) ask(conn net.Conn, lines string) (*http.Response, error) {
	if marker := k.endpoint.settings.Marker; marker != "" {
		lines += marker + "\r\n"
	}
	_, err := io.WriteString(conn, "GET "+k.check.Path+" HTTP/1.1\r\nHost: "+k.endpoint.host()+"\r\nUser-Agent: usher-check\r\n"+lines+"\r\n")
	if err != nil {
		return nil, err
	}
	from := bufio.NewReader(io.LimitReader(conn, maxCheckHead))
	for range maxCheckInterim {
		res, err := http.ReadResponse(from, nil) //nolint:bodyclose // the connection is closed as a whole
		if _, isNet := errors.AsType[net.Error](err); err != nil && !isNet && !errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("answer is not HTTP") // whatever it is, it does not belong into a log
		}
		if err != nil || res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, err
		}
	}
	return nil, errors.New("more than 8 interim answers")
}

// host is for the Host header of a check.
func (e *Endpoint) host() string {
	if e.Scheme == config.Unix {
		return "localhost"
	}
	return strings.TrimSuffix(e.Address, map[config.Scheme]string{config.HTTP: ":80", config.HTTPS: ":443"}[e.Scheme])
}
