// Command rekor2-reads reads a Rekor v2 from its first entry to its last with Sigstore's own library, and says by whom each
// entry is, as that library tells. It writes a line of JSON for each entry.
//
//	rekor2-reads URL ORIGIN KEY.pem
//
// Tiles and checkpoint are below URL.
package main

import (
	"bytes"
	"context"
	"crypto"
	"encoding/json"
	"log"
	"os"

	"github.com/sigstore/rekor-tiles/v2/pkg/client/read"
	"github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"github.com/sigstore/rekor-tiles/v2/pkg/verifier"
	"github.com/sigstore/rekor-tiles/v2/pkg/verifier/certificate"
	"github.com/sigstore/rekor-tiles/v2/pkg/verifier/publickey"
	"github.com/sigstore/sigstore/pkg/cryptoutils"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"google.golang.org/protobuf/encoding/protojson"
)

type entry struct {
	Index        uint64   `json:"index"`
	Kind         string   `json:"kind"`
	Fingerprints []string `json:"fingerprints"` // of bare keys and of certificates, in hexadecimal
	Error        string   `json:"error,omitempty"`
}

func main() {
	url, origin, keyFile := os.Args[1], os.Args[2], os.Args[3]
	pem, err := os.ReadFile(keyFile)
	check(err)
	key, err := cryptoutils.UnmarshalPEMToPublicKey(pem)
	check(err)
	keyVerifier, err := signature.LoadVerifier(key, crypto.SHA256)
	check(err)
	client, err := read.NewReader(url, origin, keyVerifier)
	check(err)
	checkpoint, _, err := client.ReadCheckpoint(context.Background())
	check(err)
	out := json.NewEncoder(os.Stdout)
	for first := uint64(0); first < checkpoint.Size; first += layout.EntryBundleWidth {
		count := min(checkpoint.Size-first, layout.EntryBundleWidth)
		// 0 stands for a full bundle.
		bundle, err := client.ReadEntryBundle(context.Background(), first/layout.EntryBundleWidth, uint8(count%layout.EntryBundleWidth))
		check(err)
		var entries api.EntryBundle
		check(entries.UnmarshalText(bundle))
		for at, leaf := range entries.Entries {
			check(out.Encode(describe(first+uint64(at), leaf)))
		}
	}
}

func describe(index uint64, leaf []byte) entry {
	var parsed protobuf.Entry
	if err := protojson.Unmarshal(leaf, &parsed); err != nil {
		return entry{Index: index, Error: "it is not an entry that the library knows"}
	}
	described := entry{Index: index, Kind: parsed.GetKind(), Fingerprints: []string{}}
	verifiers := []*protobuf.Verifier{parsed.GetSpec().GetHashedRekordV002().GetSignature().GetVerifier()}
	if dsse := parsed.GetSpec().GetDsseV002(); dsse != nil {
		verifiers = nil
		for _, signature := range dsse.GetSignatures() {
			verifiers = append(verifiers, signature.GetVerifier())
		}
	}
	for _, held := range verifiers {
		fingerprint, err := fingerprintOf(held)
		if err != nil {
			described.Error = err.Error()
			break
		}
		described.Fingerprints = append(described.Fingerprints, fingerprint)
	}
	return described
}

func fingerprintOf(held *protobuf.Verifier) (string, error) {
	var by verifier.Verifier
	var err error
	if bare := held.GetPublicKey(); bare != nil {
		by, err = publickey.NewVerifier(bytes.NewReader(bare.GetRawBytes()))
	} else {
		by, err = certificate.NewVerifier(bytes.NewReader(held.GetX509Certificate().GetRawBytes()))
	}
	if err != nil {
		return "", err
	}
	identity, err := by.Identity()
	return identity.Fingerprint, err
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
