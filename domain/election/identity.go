package election

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"

	"github.com/understudy-io/understudy/domain"
)

// Prove gives what a join says of who somebody is: the public half of a key that never
// leaves its data folder, and a signature that is good for this incarnation alone.
func Prove(key ed25519.PrivateKey, member, incarnation string) (identity, proof string) {
	public, _ := key.Public().(ed25519.PublicKey)
	return hex.EncodeToString(public), hex.EncodeToString(ed25519.Sign(key, oath(member, incarnation)))
}

func oath(member, incarnation string) []byte {
	return []byte("understudy member v1\n" + member + "\n" + incarnation)
}

// Proven reports whether a join is by whom it says; one that says nothing is of 0.1.0.
func Proven(name string, j domain.Joined) bool {
	if j.Identity == "" {
		return j.Proof == ""
	}
	return signed(j.Identity, oath(name, j.Incarnation), j.Proof)
}

// ProveAdmission gives what the request of a new server says of who it is: its identity is
// no secret, so that naming one shows nothing. The signature is good for this token alone.
func ProveAdmission(key ed25519.PrivateKey, token, member string) (identity, proof string) {
	public, _ := key.Public().(ed25519.PublicKey)
	identity = hex.EncodeToString(public)
	return identity, hex.EncodeToString(ed25519.Sign(key, application(token, member, identity)))
}

// AdmissionProven reports whether a new server is who it says, as it shows this token.
func AdmissionProven(token, member, identity, proof string) bool {
	return signed(identity, application(token, member, identity), proof)
}

func application(token, member, identity string) []byte {
	return []byte("understudy admission v1\n" + token + "\n" + identity + "\n" + member)
}

// signed reports whether a text was signed with the key of an identity.
func signed(identity string, text []byte, proof string) bool {
	public, err := hex.DecodeString(identity)
	signature, wrong := hex.DecodeString(proof)
	return err == nil && wrong == nil && len(public) == ed25519.PublicKeySize && ed25519.Verify(public, text, signature)
}

// beside says why this server does not join, as it hears others: two of one identity are
// a data folder and its copy, two identities under one name are two installations, and
// who lives stays. It is no rule of the fold, where the newer join counts: who lives is
// known only to who listens. As long as that is not known, since this server has only
// just read all there is, it says when it will be.
func (s *Server) beside() (why string, known domain.Mono) {
	for _, m := range s.state.Members() { // by seniority, so that the reason stays the same
		e := s.state.members[m.Name]
		same := e.Identity == s.cfg.Identity
		if s.cfg.Identity == "" || e.Identity == "" || !e.present() || !same && e.Name != s.cfg.Member {
			continue
		}
		at, heard := s.watch.received[e.Name]
		switch alive := heard && at > s.watch.caughtAt && s.now-at <= s.cfg.LiveWithin; {
		case alive && same:
			return fmt.Sprintf("%s has the identity of %s, which runs at %s as incarnation %s: one of the two data folders is a copy. The older process stays; end it, or give this one an empty folder and a server.name of its own",
				s.cfg.Member, e.Name, e.Address, e.Incarnation), 0
		case alive:
			return fmt.Sprintf("another installation runs as %s, at %s: give each its own server.name, or end that one first", e.Name, e.Address), 0
		}
		known = max(known, s.watch.caughtAt+s.cfg.LiveWithin)
	}
	return "", known
}
