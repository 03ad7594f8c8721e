package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// A setting is one key of the configuration file and the field that it fills.
type setting struct {
	key   string
	name  string        // of the field
	field reflect.Value // string, bool, int, int64, time.Duration or []string; settable
}

// all returns every setting: the fields of server.Config and of settings.
// A new field there is a new key.
func (o *options) all() []setting {
	return append(fieldsOf(&o.Server), fieldsOf(&o.settings)...)
}

// fieldsOf returns the fields of a struct as settings.
func fieldsOf(ptr any) []setting {
	v := reflect.ValueOf(ptr).Elem()
	var list []setting
	for i := range v.NumField() {
		f := v.Type().Field(i)
		key := f.Tag.Get("key")
		if key == "" {
			key = snake(f.Name)
		}
		list = append(list, setting{key: key, name: f.Name, field: v.Field(i)})
	}
	return list
}

// snake writes a Go name as a key: MaxStanza as max_stanza.
func snake(name string) string {
	return strings.ToLower(wordStart.ReplaceAllString(name, "${1}${3}_${2}${4}"))
}

var wordStart = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)

// literal is a number or a time as it stands in the file.
type literal string

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *literal) UnmarshalText(text []byte) error {
	*l = literal(text)
	return nil
}

// parseNumber reads a number of things or bytes: 1000, or "10 MiB".
func parseNumber(s string) (int64, error) {
	digits := strings.TrimRight(s, "kKMGiB ")
	unit, ok := units[strings.TrimSpace(s[len(digits):])]
	n, err := strconv.ParseInt(strings.ReplaceAll(digits, "_", ""), 10, 64)
	if err != nil || !ok {
		return 0, fmt.Errorf("%q is not a number, nor a size such as %q", s, "10 MiB")
	}
	if n < 1 || n > math.MaxInt64/unit {
		return 0, fmt.Errorf("%s is out of range; leave the line out for the default", s)
	}
	return n * unit, nil
}

var units = map[string]int64{
	"": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}

// formatNumber is the reverse: as a size where that is shorter.
func formatNumber(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%q", fmt.Sprintf("%d %s", n/u.size, u.name))
		}
	}
	return strconv.FormatInt(n, 10)
}

const (
	day     = 24 * time.Hour
	maxDays = 100_000 // what a time.Duration holds
)

// parseSpan reads a time: "5m", "1h30m", "10s", "90d".
func parseSpan(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		n, err = strconv.ParseInt(days, 10, 32)
		if d = time.Duration(n) * day; n > maxDays {
			err = strconv.ErrRange
		}
	}
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a time such as %q, %q or %q", s, "5m", "1h30m", "90d")
	case d < time.Second:
		return 0, fmt.Errorf("%s is too short; a second is the least", d)
	}
	return d, nil
}

// formatSpan is the reverse, without units that are zero.
func formatSpan(d time.Duration) string {
	if d > day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// fileType returns the struct type that a file with these settings decodes to:
// a pointer for each, nil where the file says nothing.
func fileType(all []setting) reflect.Type {
	fields := make([]reflect.StructField, len(all))
	for i, s := range all {
		t := s.field.Type()
		switch s.field.Interface().(type) {
		case time.Duration, int, int64:
			t = reflect.TypeFor[literal]()
		}
		fields[i] = reflect.StructField{
			Name: s.name, Type: reflect.PointerTo(t), Tag: reflect.StructTag(`toml:"` + s.key + `"`),
		}
	}
	return reflect.StructOf(fields)
}

// readConfig takes over what a configuration file says. The error names the file
// and the line.
func (o *options) readConfig(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		hint := ""
		if errors.Is(err, os.ErrNotExist) {
			hint = "natter config > FILE makes one."
		}
		return fail(exitUsage, hint, "reading the configuration: %w", err)
	}
	if line, err := o.parseConfig(data); err != nil {
		at := file
		if line > 0 {
			at += ":" + strconv.Itoa(line)
		}
		return fail(exitUsage, "natter config lists every setting.", "%s: %w", at, err)
	}
	return nil
}

// parseConfig takes over what the text of a configuration file says. An error
// comes with the number of its line, 0 where that is not known.
func (o *options) parseConfig(data []byte) (line int, err error) {
	all := o.all()
	file := reflect.New(fileType(all))
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(file.Interface()); err != nil {
		return whatIsWrong(err, data, all)
	}
	for i, s := range all {
		given := file.Elem().Field(i)
		if given.IsNil() {
			continue
		}
		if err := s.set(given.Elem()); err != nil {
			return lineOf(data, s.key), fmt.Errorf("%s: %w", s.key, err)
		}
	}
	return 0, nil
}

// set gives the field the value from the file.
func (s setting) set(given reflect.Value) error {
	switch v := given.Interface().(type) {
	case literal:
		parse := parseNumber
		if s.field.Type() == reflect.TypeFor[time.Duration]() {
			parse = func(text string) (int64, error) {
				d, err := parseSpan(text)
				return int64(d), err
			}
		}
		n, err := parse(string(v))
		if err != nil {
			return err
		}
		if s.field.OverflowInt(n) {
			return fmt.Errorf("%s is out of range", v)
		}
		s.field.SetInt(n)
	case string:
		if v == "" {
			return errors.New("it is empty; leave the line out for the default")
		}
		s.field.SetString(expandHome(v))
	default:
		s.field.Set(given)
	}
	return nil
}

// whatIsWrong words an error of the decoder and tells its line.
func whatIsWrong(err error, data []byte, all []setting) (int, error) {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		first := unknown.Errors[0]
		row, _ := first.Position()
		var keys []string
		for _, s := range all {
			keys = append(keys, s.key)
		}
		word := strings.Join(first.Key(), ".")
		if near := nearest(word, keys); near != "" {
			return row, fmt.Errorf("there is no setting %q; did you mean %q?", word, near)
		}
		return row, fmt.Errorf("there is no setting %q", word)
	}
	var syntax *toml.DecodeError
	if errors.As(err, &syntax) {
		row, _ := syntax.Position()
		said := strings.TrimPrefix(syntax.Error(), "toml: ")
		if !strings.Contains(said, "cannot ") { // not that of a value that does not fit its field
			return row, errors.New(said)
		}
		if s, ok := settingAt(data, row, all); ok {
			return row, fmt.Errorf("%s: %s", s.key, s.takes())
		}
		return row, errors.New("the value is of the wrong kind")
	}
	return 0, err
}

// takes says what kind of value a setting wants.
func (s setting) takes() string {
	switch s.field.Interface().(type) {
	case bool:
		return "it takes true or false, without quotes"
	case []string:
		return `it takes a list, such as ["one", "two"]`
	case time.Duration:
		return `it takes a time, such as "5m", "1h30m" or "90d"`
	case string:
		return "it takes a text in quotes"
	}
	return `it takes a number, or a size such as "10 MiB"`
}

// settingAt returns the setting that a line of the file belongs to: the last that
// begins there or above.
func settingAt(data []byte, row int, all []setting) (found setting, ok bool) {
	last := 0
	for _, s := range all {
		if line := lineOf(data, s.key); line > last && line <= row {
			found, ok, last = s, true, line
		}
	}
	return found, ok
}

// lineOf returns the number of the line that sets a key, 0 without one.
func lineOf(data []byte, key string) int {
	at := regexp.MustCompile(`(?m)^[ \t]*["']?` + key + `["']?[ \t]*=`).FindIndex(data)
	if at == nil {
		return 0
	}
	return 1 + bytes.Count(data[:at[1]], []byte("\n"))
}
