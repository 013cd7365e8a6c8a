package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/adapters/codec"
	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/verify"
	"github.com/understudy-io/understudy/projections/merkle"
)

// maxProof bounds what is read as a proof.
const maxProof = 64 << 20

func auditCheckCommand(g *globals) *cobra.Command {
	var k keyFlags
	var keysFile string
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a proof, without the log",
		Long: `Check a proof that audit prove wrote, and say what its records tell. Nothing is needed but
the verifier key. With --keys-file it is checked too that servers wrote what is a server's to
write. The exit code is 6 if it proves nothing, or something else than it says.`,
		Example: `  understudy audit check proof.json --key understudy.main+1a2b3c4d+AaBb…`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			keys, err := k.verifiers()
			if err != nil {
				return err
			}
			if len(keys) == 0 {
				return usage("name the landscape's verifier key with --key")
			}
			screen, err := newScreen(cmd, g.Output)
			if err != nil {
				return err
			}
			servers, err := readKeys(keysFile)
			if err != nil {
				return err
			}
			return checkProof(screen, args[0], keys, servers)
		},
	}
	k.register(cmd)
	cmd.Flags().StringVar(&keysFile, "keys-file", "", "file with the landscape's keys, to check the MACs of its servers too")
	return cmd
}

// provenRecord is a record of a proof that holds.
type provenRecord struct {
	Position domain.Position `json:"position"`
	Appended time.Time       `json:"appended"`
	Type     domain.Type     `json:"type"`
	Source   string          `json:"source"` // a claim, unless signed
	User     string          `json:"user,omitempty"`
	Epoch    uint64          `json:"epoch,omitempty"`
	Signed   bool            `json:"signed"` // its MAC is that of a key in --keys-file
	Says     string          `json:"says"`
}

// provenCommand is what a proof that holds shows.
type provenCommand struct {
	Landscape string         `json:"landscape"`
	Device    string         `json:"device"`
	UID       string         `json:"uid"`
	Signed    time.Time      `json:"signed"` // when the checkpoint was
	Epoch     uint64         `json:"epoch"`
	SignedBy  []string       `json:"signed_by"`
	Outcomes  []domain.Ended `json:"outcomes"` // as the records say, in their order
	Records   []provenRecord `json:"records"`
}

func checkProof(screen *screen, path string, keys []string, servers codec.Keyring) error {
	b, err := readSmall(path, maxProof)
	if err != nil {
		return fmt.Errorf("read the proof: %w", err)
	}
	var proof merkle.Proof
	if err := json.Unmarshal(b, &proof); err != nil {
		return fmt.Errorf("%s is no proof, or was cut: %w: %w", path, domain.ErrInvalid, err)
	}
	records := codec.New(proof.Landscape, servers)
	checked, err := verify.Check(&proof, records, keys...)
	if err != nil {
		return withExit(exitViolated, fmt.Errorf("%s proves nothing: %w", path, err))
	}
	out := provenCommand{
		Landscape: proof.Landscape, Device: proof.Device, UID: proof.UID, Signed: checked.Head.Time, Epoch: checked.Head.Epoch,
		Outcomes: []domain.Ended{},
	}
	for _, by := range checked.Signatures {
		if by.Known { // whoever else is named may not have signed
			out.SignedBy = append(out.SignedBy, by.String())
		}
	}
	for i := range checked.Records {
		r := &checked.Records[i]
		if v, ok := r.Payload.(domain.Ended); ok {
			out.Outcomes = append(out.Outcomes, v)
		}
		out.Records = append(out.Records, provenRecord{r.Position, r.Appended.Time(), r.Type, r.Source, r.User, r.Epoch, r.Signed, says(r)})
	}
	return screen.show(out, func(t *table) { provenTable(t, path, &out, records.CanVerify()) })
}

func provenTable(t *table, path string, c *provenCommand, verified bool) {
	t.text("%s proves %d records of %s on %s, which %s has signed at %s in epoch %d:", path, len(c.Records), c.UID, c.Device, strings.Join(c.SignedBy, " and "), c.Signed.UTC().Format(timeForm), c.Epoch)
	t.row("RECORD", "APPENDED", "TYPE", "FROM", "EPOCH", "SAYS")
	for _, r := range c.Records {
		from := r.Source
		if r.User != "" {
			from += ", for " + r.User
		}
		epoch := ""
		if r.Epoch != 0 {
			epoch = fmt.Sprint(r.Epoch)
		}
		t.row(fmt.Sprintf("log:%s", r.Position), r.Appended.Format(timeForm), r.Type, from, epoch, r.Says)
	}
	t.text("")
	for _, o := range c.Outcomes {
		t.text("outcome, as these records say: %s", recordInWords(o))
	}
	if len(c.Outcomes) == 0 {
		t.text("no outcome is among these records")
	}
	if !verified {
		t.text("that servers wrote them is what they say of themselves: --keys-file checks it")
	}
	t.text("that no other record tells of it, and that each of these counts, is for `understudy audit verify` to say")
}
