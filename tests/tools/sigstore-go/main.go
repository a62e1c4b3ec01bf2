// Command sigstore-go checks a sighting with Sigstore's Go library, without asking anyone. `sigstore-go TAG BUNDLE KEY
// TRUSTED_ROOT` prints the digest that the tag was seen at, and the time that others signed, if the bundle has one. With
// `-signed-time` before these, such a time is demanded.
package main

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"
	"github.com/sigstore/sigstore/pkg/signature"
)

func main() {
	signedTime := flag.Bool("signed-time", false, "demand a time that others signed")
	flag.Parse()
	if flag.NArg() != 4 {
		flag.Usage()
		os.Exit(2)
	}
	if err := check(*signedTime, flag.Arg(0), flag.Arg(1), flag.Arg(2), flag.Arg(3)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(signedTime bool, tag, bundleFile, keyFile, rootFile string) error {
	sighting, err := bundle.LoadJSONFromPath(bundleFile)
	if err != nil {
		return err
	}
	trustedRoot, err := root.NewTrustedRootFromPath(rootFile)
	if err != nil {
		return err
	}
	key, err := keyIn(keyFile)
	if err != nil {
		return err
	}
	// Whatever key the bundle says that it is signed with, this one is meant.
	trusted := root.TrustedMaterialCollection{
		trustedRoot,
		root.NewTrustedPublicKeyMaterial(func(string) (root.TimeConstrainedVerifier, error) { return key, nil }),
	}
	options := []verify.VerifierOption{verify.WithTransparencyLog(1)}
	if signedTime {
		options = append(options, verify.WithObserverTimestamps(1))
	} else {
		options = append(options, verify.WithNoObserverTimestamps())
	}
	verifier, err := verify.NewVerifier(trusted, options...)
	if err != nil {
		return err
	}
	// What the statement is about is the tag's name.
	policy := verify.NewPolicy(verify.WithArtifact(strings.NewReader(tag)), verify.WithKey())
	result, err := verifier.Verify(sighting, policy)
	if err != nil {
		return err
	}
	predicate := result.Statement.GetPredicate().AsMap()
	if predicate["tag"] != tag {
		return fmt.Errorf("the statement is not about %s", tag)
	}
	fmt.Println(predicate["digest"])
	if signedTime {
		for _, stamp := range result.VerifiedTimestamps {
			fmt.Println(stamp.Type, stamp.Timestamp.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

func keyIn(file string) (*root.ExpiringKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no PEM in " + file)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	verifier, err := signature.LoadVerifier(key, crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return root.NewExpiringKey(verifier, time.Time{}, time.Time{}), nil
}
