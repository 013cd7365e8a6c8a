package election

import (
	"crypto/ed25519"
	"crypto/sha256"
	"testing"

	"github.com/understudy-io/understudy/domain"
)

// keyOf is the key of a data folder.
func keyOf(folder string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(folder))
	return ed25519.NewKeyFromSeed(seed[:])
}

// A join that says who somebody is counts only with a proof for this very incarnation.
func TestAnIdentityNeedsAProof(t *testing.T) {
	identity, proof := Prove(keyOf("one"), "a", "a1")
	_, other := Prove(keyOf("two"), "a", "a1")
	_, older := Prove(keyOf("one"), "a", "a0")
	_, elsewhere := Prove(keyOf("one"), "b", "a1")
	for name, test := range map[string]struct {
		identity, proof string
		counts          bool
	}{
		"of 0.1.0":              {"", "", true},
		"proven":                {identity, proof, true},
		"by another key":        {identity, other, false},
		"of an older start":     {identity, older, false},
		"of another member":     {identity, elsewhere, false},
		"without a proof":       {identity, "", false},
		"a proof of nothing":    {"", proof, false},
		"no key":                {"00ff", proof, false},
		"a key that is no text": {"zz", proof, false},
	} {
		s := NewState()
		ruling := s.Apply(domain.Record{Subject: "a", Signed: true, Payload: domain.Joined{Incarnation: "a1", Identity: test.identity, Proof: test.proof}})
		if ruling.Counts != test.counts {
			t.Errorf("%s: %+v", name, ruling)
		}
		again, err := Restore(s.Export())
		if m, _ := s.Member("a"); err != nil || again.Hash() != s.Hash() || test.counts && m.Identity != test.identity {
			t.Errorf("%s: it is not kept: %+v, %v", name, m, err)
		}
	}
}

// A request to be admitted shows who it is by for one token and one name alone.
func TestAnAdmissionNeedsAProof(t *testing.T) {
	identity, proof := ProveAdmission(keyOf("one"), "t1", "c")
	_, other := ProveAdmission(keyOf("two"), "t1", "c")
	_, elsewhere := ProveAdmission(keyOf("one"), "t1", "d")
	_, earlier := ProveAdmission(keyOf("one"), "t0", "c")
	_, joins := Prove(keyOf("one"), "c", "t1")
	if !AdmissionProven("t1", "c", identity, proof) {
		t.Error("who has the key is refused")
	}
	for name, proof := range map[string]string{
		"none": "", "by another key": other, "for another name": elsewhere, "for another token": earlier, "of a join": joins, "no text": "zz",
	} {
		if AdmissionProven("t1", "c", identity, proof) {
			t.Errorf("a proof is good: %s", name)
		}
	}
}
