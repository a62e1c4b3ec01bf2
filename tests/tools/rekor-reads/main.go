// What Rekor's own readers make of a key, and signatures of OpenPGP's for Rekor to check: `rekor-reads keys`, `rekor-reads
// openpgp` and `rekor-reads openpgp-subkey`.
package main

import (
	"bufio"
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	stdx509 "crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgpecdsa "github.com/ProtonMail/go-crypto/openpgp/ecdsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/sigstore/rekor/pkg/pki/pgp"
	"github.com/sigstore/rekor/pkg/pki/x509"
)

func main() {
	switch os.Args[1] {
	case "keys":
		readKeys()
	case "openpgp":
		signWithOpenPGP(false)
	case "openpgp-subkey":
		signWithOpenPGP(true)
	}
}

// readKeys reads base64 of PEM, one a line, and writes the DER of the key that Rekor reads in each, or "-".
func readKeys() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		text, err := base64.StdEncoding.DecodeString(in.Text())
		check(err)
		fmt.Fprintln(out, keyIn(text))
	}
	check(in.Err())
}

func keyIn(text []byte) string {
	key, err := x509.NewPublicKey(bytes.NewReader(text))
	if err != nil {
		return "-"
	}
	der, err := stdx509.MarshalPKIXPublicKey(key.CryptoPubKey())
	if err != nil {
		return "-"
	}
	return hex.EncodeToString(der)
}

// signWithOpenPGP makes a key ring on P-256, reads a file and signs it with the subkey, where one is asked for, or with the
// primary key. It writes JSON: the ring and the signature as Rekor writes them, and both keys in PEM.
func signWithOpenPGP(withSubkey bool) {
	content, err := io.ReadAll(os.Stdin)
	check(err)
	config := &packet.Config{Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256, DefaultHash: crypto.SHA256}
	entity, err := openpgp.NewEntity("a", "", "a@example.org", config)
	check(err)
	written := map[string]string{"primary": pemOf(entity.PrimaryKey)}
	if withSubkey {
		check(entity.AddSigningSubkey(config))
		written["subkey"] = pemOf(entity.Subkeys[len(entity.Subkeys)-1].PublicKey)
	}
	var ring, armored bytes.Buffer
	check(entity.Serialize(&ring))
	check(openpgp.ArmoredDetachSign(&armored, entity, bytes.NewReader(content), config))
	key, err := pgp.NewPublicKey(&ring)
	check(err)
	signature, err := pgp.NewSignature(&armored)
	check(err)
	written["ring"], written["signature"] = canonical(key), canonical(signature)
	check(json.NewEncoder(os.Stdout).Encode(written))
}

func canonical(value interface{ CanonicalValue() ([]byte, error) }) string {
	text, err := value.CanonicalValue()
	check(err)
	return string(text)
}

func pemOf(key *packet.PublicKey) string {
	point := key.PublicKey.(*pgpecdsa.PublicKey)
	der, err := stdx509.MarshalPKIXPublicKey(&ecdsa.PublicKey{Curve: elliptic.P256(), X: point.X, Y: point.Y})
	check(err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
