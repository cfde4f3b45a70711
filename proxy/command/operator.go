package command

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"usher/proxy/admin"
	"usher/proxy/config"
)

// tokenVariable holds the token for the operators' address: a command line
// would show it to everybody on the machine.
const tokenVariable = "USHER_TOKEN"

// operatorPatience is how long an answer may take.
const operatorPatience = time.Minute

// errNoAddress is for a routes file without admin.
var errNoAddress = errors.New("the routes file has no operators' address to ask at")

// OperatorOptions say where a running usher takes orders.
type OperatorOptions struct {
	Routes string // the routes file, which says where
	Admin  string // the address itself; if "", that of the file
}

// operator speaks with a running usher.
type operator struct {
	client  http.Client
	address string // as it was given
	url     string
	token   string
}

// connect finds the operators' address. It does not dial yet.
func (o OperatorOptions) connect() (*operator, error) {
	var given place
	if o.Admin != "" {
		var err error
		if given, err = parsePlace(o.Admin); err != nil {
			return nil, err
		}
	}
	at, err := config.LoadAdmin(o.Routes)
	if err != nil && o.Admin == "" {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &hintError{
				Err:  noFile(o.Routes),
				Hint: "the routes file says where usher takes orders: name it with --routes FILE, or the address with --admin ADDRESS",
			}
		}
		return nil, &hintError{Err: err, Hint: "the routes file says where usher takes orders: mend it, or name the address with --admin ADDRESS"}
	}
	if at.Address == "" && o.Admin == "" {
		return nil, &hintError{
			Err:  errNoAddress,
			Hint: `add "admin: 127.0.0.1:9901" (or a unix socket) to it, and restart usher or send it SIGHUP`,
		}
	}
	own, token := place{}, os.Getenv(tokenVariable)
	if at.Address != "" {
		if own, err = parsePlace(at.Address); err != nil {
			return nil, err
		}
	}
	if o.Admin == "" {
		given, o.Admin = own, at.Address
	}
	if given == own { // the file's token is not for somebody else
		token = cmp.Or(token, at.Token)
	}
	return given.operator(o.Admin, token), nil
}

// orSignal adds to err, if there is nobody to ask, the signal that has usher do
// the same without an operators' address.
func orSignal(err error, name, does string) error {
	hinted, ok := errors.AsType[*hintError](err)
	if !ok || !errors.Is(err, errNoAddress) {
		return err
	}
	return &hintError{Err: hinted.Err, Hint: fmt.Sprintf("send usher %s, which %s as well; or %s", name, does, hinted.Hint)}
}

// get reads the answer to a GET into v.
func (c *operator) get(ctx context.Context, path string, v any) error {
	return c.ask(ctx, http.MethodGet, path, nil, v)
}

// show writes the answer to a GET: as JSON, or as write has it for people.
func show[T any](ctx context.Context, c *operator, w io.Writer, path string, asJSON bool, write func(*bytes.Buffer, T)) error {
	var raw json.RawMessage
	if err := c.get(ctx, path, &raw); err != nil {
		return err
	}
	return present(c, w, raw, asJSON, write)
}

// present writes an answer: as JSON, or as write has it for people.
func present[T any](c *operator, w io.Writer, raw json.RawMessage, asJSON bool, write func(*bytes.Buffer, T)) error {
	var out bytes.Buffer
	var err error
	if asJSON {
		err = json.Indent(&out, raw, "", "  ")
	} else {
		var v T
		if err = json.Unmarshal(raw, &v); err == nil {
			write(&out, v)
		}
	}
	if err != nil {
		return fmt.Errorf("%s gave no answer of usher's: %w", c.address, err)
	}
	_, err = w.Write(out.Bytes())
	return err
}

// ask sends a request, with order as JSON if it is not nil, and reads the
// answer into v. What usher refuses is an *admin.Error.
func (c *operator) ask(ctx context.Context, method, path string, order, v any) error {
	ctx, cancel := context.WithTimeout(ctx, operatorPatience)
	defer cancel()
	body, err := c.send(ctx, method, path, order)
	if err != nil {
		return err
	}
	defer body.Close()
	if raw, ok := v.(*json.RawMessage); ok {
		*raw, err = io.ReadAll(body)
		return err
	}
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("%s gave no answer of usher's: %w", c.address, err)
	}
	return nil
}

// send returns the body of a good answer, which the caller closes. It may take
// as long as ctx lets it.
func (c *operator) send(ctx context.Context, method, path string, order any) (io.ReadCloser, error) {
	var content io.Reader
	if order != nil {
		text, err := json.Marshal(order)
		if err != nil {
			return nil, err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.client.Do(r)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode == http.StatusOK && resp.Header.Get(admin.APIHeader) != "" {
		return resp.Body, nil
	}
	defer resp.Body.Close()
	return nil, c.refused(resp)
}

func (c *operator) refused(resp *http.Response) error {
	if resp.Header.Get(admin.APIHeader) == "" {
		return &hintError{
			Err:  fmt.Errorf("%s is not usher's admin address", c.address),
			Hint: "that is what stands under admin in the routes file, not under listen",
		}
	}
	e := &admin.Error{Status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(e); err != nil || e.Text == "" {
		return fmt.Errorf("%s answers %s and does not say why", c.address, resp.Status)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return &hintError{Err: e, Hint: "set " + tokenVariable + " to " + tokenFor(e.Ways)}
	}
	return e
}

// tokenFor says which token lets in where operators come by these ways.
func tokenFor(ways []string) string {
	switch {
	case !slices.Contains(ways, "jwt") && slices.Contains(ways, "basic") && !slices.Contains(ways, "token"):
		return "the admin.token of the routes file, which needs one: names and passwords are for browsers"
	case slices.Contains(ways, "jwt"):
		return "a token that admin.auth of the routes file takes"
	}
	return "the token of the routes file"
}

func (c *operator) unreachable(err error) error {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return &hintError{
			Err:  fmt.Errorf("nobody answers at %s", c.address),
			Hint: `is usher running, and with this routes file? "usher run" starts it`,
		}
	case errors.Is(err, fs.ErrPermission):
		return &hintError{Err: fmt.Errorf("%s is not for this user", c.address), Hint: "be the user that usher runs as, or root"}
	}
	return fmt.Errorf("%s: %w", c.address, unwrapURL(err))
}

// unwrapURL takes off what net/http puts in front: method and URL.
func unwrapURL(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}
