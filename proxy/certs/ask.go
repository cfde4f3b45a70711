package certs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	askTimeout = 5 * time.Second
	// askRate and askBurst bound the questions that strangers can cause.
	askRate, askBurst = 10.0, 50.0
	// issueRate and issueBurst bound the orders at the authority.
	issueRate, issueBurst = 1.0 / 60, 10.0
	// A verdict holds for a while, and not too many are remembered.
	verdictLife = time.Minute
	maxVerdicts = 1000
	maxName     = 253 // RFC 1035, 2.3.4, as text
)

var (
	errNotAllowed = errors.New("name is not allowed")
	errTooMany    = errors.New("too many names that are not listed")
)

// asker asks somebody else's server which further names may have a certificate.
type asker struct {
	url    string
	client *http.Client
	asks   *bucket
	orders *bucket

	mu       sync.Mutex
	verdicts map[string]verdict // guarded by mu
}

type verdict struct {
	err error // nil if allowed
	end time.Time
}

func newAsker(to string) *asker {
	return &asker{
		url: to, asks: newBucket(askRate, askBurst), orders: newBucket(issueRate, issueBurst),
		client: &http.Client{
			Timeout:       askTimeout,
			Transport:     &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		verdicts: make(map[string]verdict),
	}
}

// allow returns nil if name may have a certificate.
func (a *asker) allow(ctx context.Context, name string) error {
	if !isPublicName(name) {
		return errNotAllowed
	}
	now := time.Now()
	if v, ok := a.remembered(name, now); ok {
		return v.err
	}
	if !a.asks.take(now) {
		return errTooMany
	}
	err := a.ask(ctx, name)
	if err == nil || errors.Is(err, errNotAllowed) {
		a.remember(name, verdict{err, now.Add(verdictLife)}, now)
	}
	return err
}

// onEvent is certmagic's hook. It holds back orders of new certificates.
func (a *asker) onEvent(_ context.Context, event string, data map[string]any) error {
	renewal, _ := data["renewal"].(bool) // not there when it is none
	if event == "cert_obtaining" && !renewal && !a.orders.take(time.Now()) {
		return errTooMany
	}
	return nil
}

func (a *asker) ask(ctx context.Context, name string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"?domain="+url.QueryEscape(name), http.NoBody)
	if err != nil {
		return err
	}
	resp, err := a.client.Do(r)
	if err != nil {
		return fmt.Errorf("ask about %q: %w", name, err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errNotAllowed
	}
	return nil
}

func (a *asker) remembered(name string, now time.Time) (verdict, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	v, ok := a.verdicts[name]
	return v, ok && now.Before(v.end)
}

func (a *asker) remember(name string, v verdict, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for old, v := range a.verdicts {
		if len(a.verdicts) < maxVerdicts && now.Before(v.end) {
			break
		}
		delete(a.verdicts, old)
	}
	a.verdicts[name] = v
}

// isPublicName holds off what no authority would issue for.
func isPublicName(name string) bool {
	if len(name) > maxName || !strings.Contains(name, ".") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' {
			return false
		}
	}
	return strings.Trim(name[strings.LastIndexByte(name, '.'):], "0123456789.") != "" // no IP address
}
