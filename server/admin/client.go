package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// ErrNotRunning says that no server answers at a control socket.
var ErrNotRunning = errors.New("no server answers there")

// Client manages the accounts of a running server.
type Client struct {
	path string
	http *http.Client
}

// Dial returns a client for the server that answers at the socket, and
// ErrNotRunning without one.
func Dial(ctx context.Context, path string) (*Client, error) {
	at := resolve(path)
	connect := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", at)
	}
	conn, err := connect(ctx, "", "")
	if err != nil {
		if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%s: %w (%w)", path, ErrNotRunning, err)
	}
	conn.Close()
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: connect}}}, nil
}

// Close lets go of the client's connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Add implements Accounts.
func (c *Client) Add(ctx context.Context, name, password string) (string, error) {
	return c.change(ctx, http.MethodPost, "/users", request{JID: name, Password: password})
}

// SetPassword implements Accounts.
func (c *Client) SetPassword(ctx context.Context, name, password string) (string, error) {
	return c.change(ctx, http.MethodPut, "/users/"+url.PathEscape(name)+"/password", request{Password: password})
}

// Remove implements Accounts.
func (c *Client) Remove(ctx context.Context, name string) (string, error) {
	return c.change(ctx, http.MethodDelete, "/users/"+url.PathEscape(name), nil)
}

// List implements Accounts.
func (c *Client) List(ctx context.Context) (list []Account, err error) {
	err = c.do(ctx, http.MethodGet, "/users", nil, &list)
	return list, err
}

// Info implements Accounts.
func (c *Client) Info(ctx context.Context, name string) (a Account, err error) {
	err = c.do(ctx, http.MethodGet, "/users/"+url.PathEscape(name), nil, &a)
	return a, err
}

// AddToken implements Accounts.
func (c *Client) AddToken(ctx context.Context, name string, want TokenFor) (k Token, err error) {
	err = c.do(ctx, http.MethodPost, "/users/"+url.PathEscape(name)+"/tokens", request{TokenFor: want}, &k)
	return k, err
}

// Tokens implements Accounts.
func (c *Client) Tokens(ctx context.Context, name string) (list []Token, err error) {
	err = c.do(ctx, http.MethodGet, "/users/"+url.PathEscape(name)+"/tokens", nil, &list)
	return list, err
}

// RevokeToken implements Accounts.
func (c *Client) RevokeToken(ctx context.Context, id string) (k Token, err error) {
	err = c.do(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(id), nil, &k)
	return k, err
}

func (c *Client) change(ctx context.Context, method, path string, in any) (string, error) {
	var d done
	err := c.do(ctx, method, path, in, &d)
	return d.JID, err
}

// do sends one request and decodes its answer into out.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://natter"+path, body)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("asking the server at %s: %w", c.path, errors.Unwrap(err))
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	if resp.StatusCode != http.StatusOK {
		refused := new(Error)
		if err := d.Decode(refused); err != nil || refused.Reason == "" {
			return fmt.Errorf("asking the server at %s: it answers %s", c.path, resp.Status)
		}
		return refused
	}
	if err := d.Decode(out); err != nil {
		return fmt.Errorf("reading the answer of the server at %s: %w", c.path, err)
	}
	return nil
}

// Invite implements Accounts.
func (c *Client) Invite(ctx context.Context, what Invite) (v Invitation, err error) {
	err = c.do(ctx, http.MethodPost, "/invitations", request{Invite: &what}, &v)
	return v, err
}

// Invitations implements Accounts.
func (c *Client) Invitations(ctx context.Context) (list []Invitation, err error) {
	err = c.do(ctx, http.MethodGet, "/invitations", nil, &list)
	return list, err
}

// RevokeInvitation implements Accounts.
func (c *Client) RevokeInvitation(ctx context.Context, id string) (v Invitation, err error) {
	err = c.do(ctx, http.MethodDelete, "/invitations/"+url.PathEscape(id), nil, &v)
	return v, err
}
