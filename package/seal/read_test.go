package seal

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/gopenpgp/v2/crypto"

	"spor/package/seal/sealtest"
)

// small is a message in several parts.
func small(t testing.TB, to []Recipient) (message, data []byte) {
	data = content(1300)
	return sealed(t, to, data, steps["flushed"]), data
}

func TestCutAnywhere(t *testing.T) {
	to, key := pair(t, packet.Config{})
	message, data := small(t, to)
	for n := range len(message) {
		for name, r := range map[string]io.Reader{
			"": bytes.NewReader(message[:n]), "byte by byte ": iotest.OneByteReader(bytes.NewReader(message[:n])),
		} {
			r, err := Open(r, key)
			var got []byte
			if err == nil {
				got, err = io.ReadAll(r)
			}
			if !errors.Is(err, ErrDamaged) {
				t.Fatalf("%scut at %d of %d: error %v, want %v", name, n, len(message), err, ErrDamaged)
			}
			if !bytes.HasPrefix(data, got) {
				t.Fatalf("%scut at %d of %d: %d bytes that were never sealed", name, n, len(message), len(got))
			}
		}
	}
	broken := errors.New("pulled")
	r, err := Open(io.MultiReader(bytes.NewReader(message[:900]), iotest.ErrReader(broken)), key)
	if err == nil {
		_, err = io.ReadAll(r)
	}
	if !errors.Is(err, ErrDamaged) || !errors.Is(err, broken) {
		t.Errorf("a stick that is pulled: %v", err)
	}
	if _, err := openAll(append(message, 0), key); !errors.Is(err, ErrDamaged) {
		t.Errorf("a byte more: error %v, want %v", err, ErrDamaged)
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		kind   packet.Config
		random int // places; RSA is slow
		head   bool
	}{
		"ECDH Curve25519": {packet.Config{}, 1000, true}, "X25519": {packet.Config{Algorithm: packet.PubKeyAlgoEd25519}, 100, true},
		"RSA": {packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}, 100, false}, "P-256": {packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256}, 100, true},
		"Curve448": {packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve448}, 100, false},
	} {
		to, key := pair(t, c.kind)
		message, _ := small(t, to)
		var places []int
		if c.head {
			for bit := range 8 * min(len(message), 200) {
				places = append(places, bit)
			}
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range c.random {
			places = append(places, random.IntN(8*len(message)))
		}
		for _, bit := range places {
			flipped := bytes.Clone(message)
			flipped[bit/8] ^= 1 << (bit % 8)
			if got, err := openAll(flipped, key); !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrWrongKey) {
				t.Errorf("%s: bit %d of byte %d (%#x) flipped: %d bytes, %v", name, bit%8, bit/8, message[bit/8], len(got), err)
			}
		}
	}
}

// TestMessagesOfOthers: what GnuPG and gopenpgp make opens, and is found when it is cut.
func TestMessagesOfOthers(t *testing.T) {
	_, private := sealtest.Pair(t, packet.Config{})
	key, err := OpenKey(bytes.NewReader(private), nil)
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, name string, message, data []byte) {
		t.Helper()
		if got, err := openAll(message, key); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s, %d bytes: got %d, %v", name, len(data), len(got), err)
		}
		for n := 0; n < len(message); n += 1 + len(message)/20 {
			if _, err := openAll(message[:n], key); !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, cut at %d of %d: error %v, want %v", name, n, len(message), err, ErrDamaged)
			}
		}
	}
	for _, size := range []int{0, 513, 8385, chunk + 1} {
		var out bytes.Buffer
		for name, encrypt := range map[string]func(crypto.Writer, *crypto.PlainMessageMetadata, *crypto.KeyRing) (crypto.WriteCloser, error){
			"gopenpgp": key.ring.EncryptStream, "gopenpgp, compressed": key.ring.EncryptStreamWithCompression,
		} {
			for _, signer := range []*crypto.KeyRing{nil, key.ring} {
				out.Reset()
				w, err := encrypt(&out, crypto.NewPlainMessageMetadata(true, "name", 1), signer)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.Write(content(size)); err != nil {
					t.Fatal(err)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				check(t, name, out.Bytes(), content(size))
			}
		}
	}
	gpg := gnupg(t, private)
	for name, options := range map[string]string{
		"plain": "-z 0", "compressed": "", "signed": "-s", "AES-128": "--cipher-algo AES128 -z 0", "3DES": "--cipher-algo 3DES",
		"hidden recipient": "-R test@example.org", "text": "-t", "a name": "--set-filename evidence.tar",
	} {
		for _, size := range []int{0, 700, 2 * chunk} {
			args := append(strings.Fields(options), "-e")
			if name != "hidden recipient" {
				args = append(args, "-r", "test@example.org")
			}
			data := content(size)
			if name == "text" {
				data = bytes.Repeat([]byte("þorn\r\n"), size/7) // as gpg sends it
			}
			check(t, "gpg, "+name, gpg(data, args...), data)
		}
	}
}

// TestAuthenticatedEncryption: a key of RFC 9580 that asks for AEAD gets it from others, and opens it.
func TestAuthenticatedEncryption(t *testing.T) {
	config := packet.Config{Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true, AEADConfig: &packet.AEADConfig{}}
	to, key := pair(t, config)
	data := content(300000)
	var out bytes.Buffer
	w, err := openpgp.Encrypt(&out, []*openpgp.Entity{to[0].key.GetEntity()}, nil, nil, &config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out.Bytes()[:200], []byte{2, 7, 2}) { // version 2, AES-128, OCB
		t.Errorf("not of the kind to be tested: % x", out.Bytes()[:200])
	}
	if got, err := openAll(out.Bytes(), key); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	for n := 0; n < out.Len(); n += 5003 {
		if _, err := openAll(out.Bytes()[:n], key); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: error %v, want %v", n, err, ErrDamaged)
		}
	}
	if got, err := openAll(sealed(t, to, data, steps["at once"]), key); err != nil || !bytes.Equal(got, data) {
		t.Errorf("ours to such a key: %d bytes, %v", len(got), err)
	}
}

// TestKindsOfKeys seals to each kind alone and to all together.
func TestKindsOfKeys(t *testing.T) {
	ecc := func(algorithm packet.PublicKeyAlgorithm, curve packet.Curve) packet.Config {
		return packet.Config{Algorithm: algorithm, Curve: curve}
	}
	kinds := map[string]packet.Config{
		"RSA-2048": {Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048}, "RSA-3072": {Algorithm: packet.PubKeyAlgoRSA, RSABits: 3072},
		"Curve25519": ecc(packet.PubKeyAlgoEdDSA, packet.Curve25519), "Curve448": ecc(packet.PubKeyAlgoEdDSA, packet.Curve448),
		"P-256": ecc(packet.PubKeyAlgoECDSA, packet.CurveNistP256), "P-384": ecc(packet.PubKeyAlgoECDSA, packet.CurveNistP384),
		"P-521": ecc(packet.PubKeyAlgoECDSA, packet.CurveNistP521), "Brainpool P-256": ecc(packet.PubKeyAlgoECDSA, packet.CurveBrainpoolP256),
		"v4 X25519": {Algorithm: packet.PubKeyAlgoEd25519}, "v4 X448": {Algorithm: packet.PubKeyAlgoEd448},
		"v6 X25519": {Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true}, "v6 X448": {Algorithm: packet.PubKeyAlgoEd448, V6Keys: true},
		"v6 RSA": {Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048, V6Keys: true},
	}
	if os.Getenv("SPOR_LONG") != "" { // seconds to make
		kinds["RSA-4096"] = packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 4096}
	}
	data := content(2000)
	var everyone []Recipient
	keys := map[string]*Key{}
	for name, c := range kinds {
		to, key := pair(t, c)
		if got, err := openAll(sealed(t, to, data, steps["flushed"]), key); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		everyone, keys[name] = append(everyone, to...), key
	}
	message := sealed(t, append(everyone, everyone...), data, steps["at once"])
	for name, key := range keys {
		if got, err := openAll(message, key); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s among %d: %d bytes, %v", name, len(everyone), len(got), err)
		}
	}
	packets := packet.NewReader(bytes.NewReader(message))
	for i := range everyone {
		if p, err := packets.Next(); err != nil {
			t.Errorf("packet %d: %v", i, err)
		} else if _, ok := p.(*packet.EncryptedKey); !ok {
			t.Errorf("packet %d is %T: not one session key for each of %d recipients", i, p, len(everyone))
		}
	}
	if p, err := packets.Next(); err != nil {
		t.Error(err)
	} else if _, ok := p.(*packet.SymmetricallyEncrypted); !ok {
		t.Errorf("after %d session keys %T", len(everyone), p)
	}
	_, stranger := pair(t, packet.Config{})
	if _, err := openAll(message, stranger); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a stranger's key: error %v, want %v", err, ErrWrongKey)
	}
}

func TestMessagesThatAreNone(t *testing.T) {
	_, key := pair(t, packet.Config{})
	for name, data := range map[string]string{
		"empty": "", "text": "hello", "a literal that nobody encrypted": "\xcb\x0bb\x00\x00\x00\x00\x00hello", "only a marker": "\xca\x03PGP",
		"a session key of 4 GiB": "\xc1\xff\xff\xff\xff\xff", "a session key without an end": "\x87abc", "a session key in parts": "\xc1\xe1ab\x00",
		"markers for ever": strings.Repeat("\xca\x03PGP", maxKeyPackets),
	} {
		if got, err := openAll([]byte(data), key); !errors.Is(err, ErrDamaged) || len(got) > 0 {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestRemoteKey(t *testing.T) {
	to, local := pair(t, packet.Config{})
	message, data := small(t, to)
	ids := []uint64{1, keyID(t, message)}
	remote := RemoteKey(local.Fingerprint, local.UserID, ids, func(packets []byte) (SessionKey, error) { return local.session([][]byte{packets}) })
	if got, err := openAll(message, remote); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if _, err := remote.Signer(); err == nil {
		t.Error("a key that is not here signs")
	}
	away := errors.New("no card")
	if _, err := openAll(message, RemoteKey("", "", ids, func([]byte) (SessionKey, error) { return SessionKey{}, away })); !errors.Is(err, away) {
		t.Errorf("error %v, want %v", err, away)
	}
	if _, err := openAll(message, RemoteKey("", "", []uint64{1}, nil)); !errors.Is(err, ErrWrongKey) {
		t.Errorf("another remote key: error %v, want %v", err, ErrWrongKey)
	}
	for _, wrong := range []SessionKey{{Cipher: 9, Key: make([]byte, 32)}, {Cipher: 9}, {Cipher: 7, Key: make([]byte, 16)}, {Cipher: 99, Key: make([]byte, 32)}, {}} {
		r := RemoteKey("", "", ids, func([]byte) (SessionKey, error) { return wrong, nil })
		if _, err := openAll(message, r); !errors.Is(err, ErrDamaged) {
			t.Errorf("session key of %d, %d bytes: error %v, want %v", wrong.Cipher, len(wrong.Key), err, ErrDamaged)
		}
	}
}

// FuzzOpen: nothing opens but what was sealed.
func FuzzOpen(f *testing.F) {
	public, private := fixedPair(f)
	to, err := ReadRecipients(strings.NewReader(public), time.Now())
	if err != nil {
		f.Fatal(err)
	}
	key, err := OpenKey(strings.NewReader(private), nil)
	if err != nil {
		f.Fatal(err)
	}
	message, data := small(f, to)
	f.Add(message)
	f.Add(sealed(f, to, data, steps["at once"]))
	f.Add([]byte("\xca\x03PGP\xd2\xff\x00\x00\x00\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := openAll(b, key); err == nil && !bytes.Equal(got, data) {
			t.Errorf("opened %d bytes that were never sealed", len(got))
		}
	})
}

func fixedPair(t testing.TB) (public, private string) {
	t.Helper()
	public, private, _, err := Generate("CERT", "cert@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}
