package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"mellium.im/xmpp/jid"
)

// clientConfig is the client's config file. docs/cli.md shows one.
type clientConfig struct {
	// Account is the address used when neither --as nor NATTER_JID names one.
	Account string `toml:"account"`
	// Accounts holds settings by bare address.
	Accounts map[string]accountConfig `toml:"accounts"`

	path string
}

// accountConfig is what the config file says about one account. Flags on the
// command line come first.
type accountConfig struct {
	Server   string `toml:"server"`   // HOST or HOST:PORT, as --server
	TLS      string `toml:"tls"`      // auto, starttls, direct or none, as --tls
	CA       string `toml:"ca"`       // PEM file, as --ca
	Insecure bool   `toml:"insecure"` // as --insecure
	Resource string `toml:"resource"` // as --resource

	// At most one of the following.
	Password        string `toml:"password"`
	PasswordFile    string `toml:"password_file"`    // its first line
	PasswordCommand string `toml:"password_command"` // first line of what this prints, run by sh
}

// configPath returns where the config file is looked for: natter/config.toml in
// $XDG_CONFIG_HOME or ~/.config.
func configPath() string {
	dir := xdgDir("XDG_CONFIG_HOME", ".config")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "config.toml")
}

// loadConfig reads the config file at path. An empty path stands for
// configPath, where the file may be missing.
func loadConfig(path string) (clientConfig, error) {
	optional := path == ""
	if optional {
		if path = configPath(); path == "" {
			return clientConfig{}, nil
		}
	}
	data, err := os.ReadFile(path)
	if optional && errors.Is(err, fs.ErrNotExist) {
		return clientConfig{path: path}, nil
	}
	if err != nil {
		return clientConfig{}, fail(exitUsage, "", "reading the config file: %w", err)
	}
	config, err := parseConfig(data)
	if err != nil {
		return clientConfig{}, fail(exitUsage, "docs/cli.md lists the keys.", "config file %s: %w", path, err)
	}
	config.path = path
	return config, config.checkMode()
}

// parseConfig reads the text of a config file. An unknown key is an error that
// names its line and the key that was perhaps meant.
func parseConfig(data []byte) (clientConfig, error) {
	var config clientConfig
	d := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields()
	err := d.Decode(&config)
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := unknown.Errors[0]
		row, _ := first.Position()
		return clientConfig{}, fmt.Errorf("line %d: %s", row, unknownKey(first.Key()))
	}
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		row, column := syntax.Position()
		return clientConfig{}, fmt.Errorf("line %d, column %d: %w", row, column, err)
	}
	if err != nil {
		return clientConfig{}, err
	}
	for name, a := range config.Accounts {
		if j, err := jid.Parse(name); err != nil || j.Localpart() == "" || j.Resourcepart() != "" {
			return clientConfig{}, fmt.Errorf("[accounts.%q] is not named by an address like romeo@localhost", name)
		}
		if _, err := parseTLSMode(a.TLS); err != nil {
			return clientConfig{}, fmt.Errorf("[accounts.%q] tls: %w", name, err)
		}
		if countSet(a.Password, a.PasswordFile, a.PasswordCommand) > 1 {
			return clientConfig{}, fmt.Errorf("[accounts.%q] has more than one of password, password_file and password_command", name)
		}
	}
	return config, nil
}

func unknownKey(key []string) string {
	known := []string{"account", "accounts"}
	if len(key) > 1 {
		known = []string{"server", "tls", "ca", "insecure", "resource", "password", "password_file", "password_command"}
	}
	last := key[len(key)-1]
	if near := nearest(last, known); near != "" {
		return fmt.Sprintf("there is no key %q; did you mean %q?", last, near)
	}
	return fmt.Sprintf("there is no key %q (there are %s)", last, strings.Join(known, ", "))
}

func countSet(values ...string) int {
	n := 0
	for _, v := range values {
		if v != "" {
			n++
		}
	}
	return n
}

// checkMode refuses a file that holds a password, or a command run to get one,
// and that others may read or write.
func (c clientConfig) checkMode() error {
	secret := false
	for _, a := range c.Accounts {
		secret = secret || a.Password != "" || a.PasswordCommand != ""
	}
	info, err := os.Stat(c.path)
	if err != nil || !secret {
		return nil
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && os.PathSeparator == '/' {
		return fail(exitUsage, "Make it yours alone: chmod 600 "+c.path,
			"config file %s holds a password or a password command and has mode %#o", c.path, mode)
	}
	return nil
}

// forAccount returns the settings of the account, the zero value when there are
// none. The key in the file may be written in any normalisable form.
func (c clientConfig) forAccount(account jid.JID) accountConfig {
	for name, a := range c.Accounts {
		if j, err := jid.Parse(name); err == nil && j.Equal(account.Bare()) {
			return a
		}
	}
	return accountConfig{}
}
