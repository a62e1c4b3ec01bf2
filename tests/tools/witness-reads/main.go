// Command witness-reads reads policies, checkpoints and tlog-proofs as transparency-dev/formats reads them. Each line of the
// input is a JSON object with base64 fields; each line of the output says what the library makes of it.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"

	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
)

type question struct {
	Policy []byte // a policy, and the note that it judges
	Note   []byte
	Vkey   string // a witness's verifier key, and the note that may have its cosignature
	Proof  []byte
}

type answer struct {
	Policy    bool   `json:"policy"`    // the policy parses
	Satisfied bool   `json:"satisfied"` // by the note
	Time      int64  `json:"time"`      // of the witness's cosignature, if it verifies; else -1
	Proof     bool   `json:"proof"`     // the proof parses
	Again     string `json:"again"`     // the proof as it is written again, base64
}

func answerTo(q question) answer {
	a := answer{Time: -1}
	if q.Policy != nil {
		group, err := witness.ParsePolicy(q.Policy)
		a.Policy = err == nil
		a.Satisfied = err == nil && group.Satisfied(q.Note)
	}
	if q.Vkey != "" {
		if verifier, err := f_note.NewVerifierForCosignatureV1(q.Vkey); err == nil {
			if opened, err := note.Open(q.Note, note.VerifierList(verifier)); err == nil && len(opened.Sigs) == 1 {
				if time, err := f_note.CoSigV1Timestamp(opened.Sigs[0]); err == nil {
					a.Time = time.Unix()
				}
			}
		}
	}
	if q.Proof != nil {
		var read proof.TLogProof
		if read.Unmarshal(q.Proof) == nil {
			a.Proof = true
			a.Again = base64.StdEncoding.EncodeToString(read.Marshal())
		}
	}
	return a
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 16<<20)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var q question
		decoder := json.NewDecoder(strings.NewReader(input.Text()))
		if err := decoder.Decode(&q); err != nil {
			panic(err)
		}
		if err := output.Encode(answerTo(q)); err != nil {
			panic(err)
		}
	}
	if err := input.Err(); err != nil {
		panic(err)
	}
}
