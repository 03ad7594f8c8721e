package auth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"testing"
	"time"
)

func TestEndPointUsesTheHashOfTheCertificatesSignature(t *testing.T) {
	ch, _ := tlsPair(t, tls.VersionTLS13)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		algorithm x509.SignatureAlgorithm
		key       crypto.Signer
		hash      crypto.Hash // 0: undefined
	}{
		{x509.ECDSAWithSHA256, ec, crypto.SHA256},
		{x509.ECDSAWithSHA384, ec, crypto.SHA384},
		{x509.ECDSAWithSHA512, ec, crypto.SHA512},
		{x509.SHA256WithRSA, rs, crypto.SHA256},
		{x509.SHA384WithRSA, rs, crypto.SHA384},
		{x509.SHA512WithRSA, rs, crypto.SHA512},
		{x509.SHA256WithRSAPSS, rs, crypto.SHA256},
		{x509.SHA384WithRSAPSS, rs, crypto.SHA384},
		{x509.SHA512WithRSAPSS, rs, crypto.SHA512},
		{x509.PureEd25519, ed, 0},
	} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), SignatureAlgorithm: row.algorithm,
			NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, row.key.Public(), row.key)
		if err != nil {
			t.Fatalf("%v: %v", row.algorithm, err)
		}
		if ch.Leaf, err = x509.ParseCertificate(der); err != nil {
			t.Fatal(err)
		}
		var want []byte
		if row.hash != 0 {
			h := row.hash.New()
			h.Write(der)
			want = h.Sum(nil)
		}
		if got := ch.binding("tls-server-end-point"); !bytes.Equal(got, want) {
			t.Errorf("%v: got %x, want %x", row.algorithm, got, want)
		}
	}
	// Old signatures, which can't be made here any more, count as SHA-256.
	for _, old := range []x509.SignatureAlgorithm{x509.SHA1WithRSA, x509.ECDSAWithSHA1, x509.MD5WithRSA} {
		ch.Leaf = &x509.Certificate{SignatureAlgorithm: old, Raw: []byte("certificate")}
		if got := ch.binding("tls-server-end-point"); len(got) != 32 {
			t.Errorf("%v: got %x", old, got)
		}
	}
}

func TestBindingsOfTheTwoSidesAgreeAndDifferFromOtherConnections(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		ch, view := tlsPair(t, version)
		other, _ := tlsPair(t, version)
		client := Channel{TLS: &view, Leaf: view.PeerCertificates[0]}
		for _, kind := range ch.bindingTypes() {
			if !bytes.Equal(ch.binding(kind), client.binding(kind)) {
				t.Errorf("%s over %s: the sides differ", kind, tls.VersionName(version))
			}
			if bytes.Equal(ch.binding(kind), other.binding(kind)) {
				t.Errorf("%s over %s: two connections agree", kind, tls.VersionName(version))
			}
		}
	}
}

func TestNoBindingBeforeTheHandshakeIsDone(t *testing.T) {
	conn := tls.Server(nil, &tls.Config{})
	state := conn.ConnectionState()
	ch := Channel{TLS: &state, Leaf: &x509.Certificate{SignatureAlgorithm: x509.ECDSAWithSHA256}}
	if types := ch.bindingTypes(); types != nil {
		t.Errorf("got %v", types)
	}
}
