package bytestreams

import (
	"errors"
	"io"
)

// The parts of SOCKS5 (RFC 1928) that bytestreams use (XEP-0065 §5.3.2): no
// authentication, CONNECT to a name of 40 hexadecimal digits and port 0.
const (
	socksVersion = 5
	connect      = 1
	domainName   = 3
	addrLength   = 40
)

var (
	errSocks   = errors.New("not a SOCKS5 request for a bytestream")
	errMethods = errors.New("no method of authentication that is served")
)

// handshake reads a client's greeting and request, answers the greeting, and returns
// the stream that the request names. A request for anything else is refused and is
// an error.
func handshake(c io.ReadWriter) (addr string, err error) {
	var b [255]byte
	if _, err := io.ReadFull(c, b[:2]); err != nil {
		return "", err
	}
	if b[0] != socksVersion {
		return "", errSocks
	}
	methods := b[:b[1]]
	if _, err := io.ReadFull(c, methods); err != nil {
		return "", err
	}
	none := false
	for _, m := range methods {
		none = none || m == 0
	}
	if !none {
		c.Write([]byte{socksVersion, 0xff})
		return "", errMethods
	}
	if _, err := c.Write([]byte{socksVersion, 0}); err != nil {
		return "", err
	}
	req := b[:5+addrLength+2]
	if _, err := io.ReadFull(c, req[:5]); err != nil {
		return "", err
	}
	if req[0] != socksVersion || req[1] != connect || req[2] != 0 || req[3] != domainName || req[4] != addrLength {
		refuse(c)
		return "", errSocks
	}
	if _, err := io.ReadFull(c, req[5:]); err != nil {
		return "", err
	}
	for _, d := range req[5 : 5+addrLength] {
		if (d < '0' || d > '9') && (d < 'a' || d > 'f') {
			refuse(c)
			return "", errSocks
		}
	}
	return string(req[5 : 5+addrLength]), nil // the port is 0, and some clients send another
}

// reply says that the stream is known, by the name it was asked for.
func reply(addr string) []byte {
	b := []byte{socksVersion, 0, 0, domainName, byte(len(addr))}
	b = append(b, addr...)
	return append(b, 0, 0)
}

// refuse says that the request is not one that is served (RFC 1928 §6: connection not
// allowed).
func refuse(w io.Writer) { w.Write([]byte{socksVersion, 2, 0, 1, 0, 0, 0, 0, 0, 0}) }
