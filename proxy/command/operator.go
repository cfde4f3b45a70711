package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	"usher/proxy/config"
)

// longestAnswer bounds what is read of an answer.
const longestAnswer = 64 << 20

// operator asks, and orders, the usher that serves a routes file, at its
// operators' address.
type operator struct {
	client  http.Client
	address string // as it stands in the file
	base    string // of URLs
	token   string
}

// newOperator returns one for the routes file.
func newOperator(file string) (*operator, error) {
	cfg, err := load(file)
	if err != nil {
		return nil, err
	}
	if cfg.Admin.Address == "" {
		return nil, &HintError{
			Err:  errors.New("the routes file has no operators' address to ask at"),
			Hint: `add "admin: 127.0.0.1:9901", or a unix socket, and restart usher or send it SIGHUP`,
		}
	}
	return operatorAt(cfg.Admin), nil
}

func operatorAt(a config.Admin) *operator {
	o := &operator{address: a.Address, token: a.Token}
	transport := &http.Transport{DisableKeepAlives: true}
	o.client.Transport = transport
	if path, ok := strings.CutPrefix(a.Address, "unix:"); ok {
		o.base = "http://localhost"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
		return o
	}
	host, port, err := net.SplitHostPort(a.Address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	o.base = "http://" + net.JoinHostPort(host, port)
	return o
}

// order posts a body, as JSON unless it is nil, and reads the answer.
func (o *operator) order(ctx context.Context, path string, body, answer any) error {
	text := []byte("{}")
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.base+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	return o.send(r, answer)
}

func (o *operator) send(r *http.Request, answer any) error {
	if o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	resp, err := o.client.Do(r)
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return &HintError{Err: fmt.Errorf("nobody answers at %s", o.address), Hint: "is usher running, with this routes file?"}
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp.Status, text)
	}
	return json.Unmarshal(text, answer)
}

// refusal is what an answer other than 200 says.
func refusal(status string, text []byte) error {
	var said struct {
		Error  string
		Errors []string
	}
	if json.Unmarshal(text, &said) != nil || said.Error == "" {
		return fmt.Errorf("usher answers %s", status)
	}
	return errors.New(strings.Join(append(said.Errors, said.Error), "\n"))
}
