package receive

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"

	"spor/upload/tus"
)

// certFile holds key and certificate, so that there is never one without the other.
const certFile = ".tls/receiver.pem"

// Certificate gives the store's own certificate, self-signed over an ECDSA P-256 key, and its pin (see tus.Pin). Both
// are made at the first call and kept; the file can be read by its owner alone.
func Certificate(storeDir string) (cert tls.Certificate, pin string, err error) {
	root, err := openRoot(storeDir)
	if err != nil {
		return cert, "", err
	}
	defer root.Close() // nothing is written to it
	b, err := readSmall(root, certFile)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeCertificate(root, time.Now()); err != nil {
			return cert, "", err
		}
		b, err = readSmall(root, certFile)
	}
	if err != nil {
		return cert, "", err
	}
	if cert, err = tls.X509KeyPair(b, b); err != nil {
		return cert, "", fmt.Errorf("%s: %w", certFile, err)
	}
	return cert, tus.Pin(cert.Leaf), nil
}

func makeCertificate(root *os.Root, now time.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "spor receiver"},
		NotBefore:    now.Add(-24 * time.Hour), // clocks differ; the pin is what counts
		NotAfter:     now.AddDate(20, 0, 0),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     []string{"localhost"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	b := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	return keepFirst(root, append(b, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...))
}

// keepFirst writes the file unless another process just did: a receiver and the maker of a kit, both started first,
// must end up with the same key.
func keepFirst(root *os.Root, b []byte) error {
	mine := certFile + "." + rand.Text()
	if err := writeFile(root, mine, b); err != nil {
		return err
	}
	if err := root.Link(mine, certFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return root.Rename(mine, certFile) // a file system without links
	}
	_ = root.Remove(mine) // if it stays it is a key that nobody uses, or the same one
	return nil
}
