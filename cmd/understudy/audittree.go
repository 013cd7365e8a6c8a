package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/infra/verify"
	"github.com/understudy-io/understudy/projections/audit"
	"github.com/understudy-io/understudy/projections/merkle"
)

// keyFlags are the verifier keys that are trusted.
type keyFlags struct{ keys []string }

func (k *keyFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&k.keys, "key", nil, "verifier key that is trusted, or a file with one on each line; more than once for several")
}

// verifiers are the keys, each checked.
func (k *keyFlags) verifiers() ([]string, error) {
	var out []string
	for _, text := range k.keys {
		lines := []string{text}
		if _, err := merkle.NewVerifier(text); err != nil {
			b, readErr := readSmall(text, maxKeysFile)
			if readErr != nil {
				return nil, usage("--key %q is neither a verifier key nor a file with some: %w", text, err)
			}
			lines = strings.Split(strings.TrimSpace(string(b)), "\n")
		}
		for _, line := range lines {
			if _, err := merkle.NewVerifier(line); err != nil {
				return nil, usage("--key %s: %w", text, err)
			}
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out, nil
}

// maxCheckpoint bounds what is read of a file with a signed checkpoint.
const maxCheckpoint = 1 << 20

// readCheckpoint reads a signed checkpoint that somebody has kept, and checks it.
func readCheckpoint(path, landscape string, keys []string) (signed []byte, head merkle.Head, err error) {
	if signed, err = readSmall(path, maxCheckpoint); err != nil {
		return nil, head, fmt.Errorf("read the signed checkpoint: %w", err)
	}
	head, signatures, trusted, err := merkle.Open(signed, keys...)
	switch {
	case err != nil:
		return nil, head, fmt.Errorf("%s: %w", path, err)
	case len(keys) > 0 && !trusted:
		return nil, head, fmt.Errorf("%s: none of the keys given has signed it; its signatures are by %v: %w", path, signatures, domain.ErrInvalid)
	case landscape != "" && head.Landscape != landscape:
		return nil, head, fmt.Errorf("%s is of landscape %s, and this is the log of %s: %w", path, head.Landscape, landscape, domain.ErrConflict)
	}
	return signed, head, nil
}

// heldHeads reads the checkpoints that the auditor holds.
func heldHeads(paths []string, landscape string, keys []string) ([]audit.HeldHead, error) {
	var out []audit.HeldHead
	for _, path := range paths {
		_, head, err := readCheckpoint(path, landscape, keys)
		if err != nil {
			return nil, err
		}
		out = append(out, audit.HeldHead{From: path, Head: head})
	}
	return out, nil
}

func auditCheckpointCommand(g *globals) *cobra.Command {
	var h historyFlags
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Show the newest signed checkpoint of the log, to be kept elsewhere",
		Long: `Show the newest signed checkpoint of the log: what all records hash to. Who keeps it
where nobody of the landscape can change it can show later that the log was changed.`,
		Example: `  understudy audit checkpoint > checkpoint-2026-11-21.note`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := g.openVerified(cmd, &h)
			if err != nil {
				return err
			}
			defer func() { _ = p.close() }()
			signed, err := verify.NewestHead(cmd.Context(), p.landscape, p.source, p.codec)
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(signed)
			return err
		},
	}
	h.register(cmd)
	return cmd
}

func auditProveCommand(g *globals) *cobra.Command {
	var h historyFlags
	var device, checkpoint, to string
	cmd := &cobra.Command{
		Use:   "prove UID",
		Short: "Prove to somebody without the log what became of a command",
		Long: `Write a file that proves what stands in the log of a command: the command, its start,
its outcome and its answers, with their ways in the Merkle tree to a signed checkpoint.
Who has the verifier key checks it with audit check, without the log.`,
		Example: `  understudy audit prove show7-cue12 --device gate-1 --to proof.json`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, args []string) error {
			if device == "" || to == "" {
				return usage("name the device with --device, and the file to write with --to")
			}
			p, err := g.openVerified(cmd, &h)
			if err != nil {
				return err
			}
			defer func() { _ = p.close() }()
			return p.prove(cmd, args[0], device, checkpoint, to)
		},
	}
	f := cmd.Flags()
	f.StringVar(&device, "device", "", "the device of the command")
	f.StringVar(&checkpoint, "checkpoint", "", "file with the signed checkpoint to prove against (default: the newest in the log)")
	f.StringVar(&to, "to", "", "file to write; it must not exist")
	h.register(cmd)
	return cmd
}

func (p *past) prove(cmd *cobra.Command, uid, device, checkpoint, to string) error {
	var signed []byte
	var err error
	if checkpoint != "" {
		signed, _, err = readCheckpoint(checkpoint, p.landscape, nil)
	} else {
		signed, err = verify.NewestHead(cmd.Context(), p.landscape, p.source, p.codec)
	}
	if err != nil {
		return err
	}
	hashes, err := os.CreateTemp("", "understudy-tree-")
	if err != nil {
		return fmt.Errorf("a tree needs 64 bytes of disk for each record; set TMPDIR to a folder with room: %w", err)
	}
	defer func() { _ = errors.Join(hashes.Close(), os.Remove(hashes.Name())) }()
	proof, err := verify.Prove(cmd.Context(), verify.Config{Landscape: p.landscape, Source: p.source, Codec: p.codec}, signed, device, uid, hashes)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(proof, "", "  ")
	if err != nil {
		return err
	}
	if err := writeNew(to, append(b, '\n')); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s proves %d records of %s. Next: understudy audit check %[1]s --key KEY\n", to, len(proof.Records), uid)
	return err
}

func auditConsistencyCommand(g *globals) *cobra.Command {
	var h historyFlags
	var k keyFlags
	var from, to string
	cmd := &cobra.Command{
		Use:   "consistency",
		Short: "Say whether the log still is what signed checkpoints say of it",
		Long: `Hash the log and hold it against a checkpoint that you have kept, and against a second
one: whether the records that each covers are those that stand there now. The exit code
is 6 if they are not, and 3 if the log no longer holds all that it takes to say so.`,
		Example: `  understudy audit consistency --from monday.note --to friday.note --key understudy.main+1a2b3c4d+AaBb…`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := k.verifiers()
			switch {
			case err != nil:
				return err
			case from == "":
				return usage("name the file with a checkpoint that you have kept with --from")
			case len(keys) == 0:
				return usage("name the landscape's verifier key with --key: without it anybody may have written the checkpoints")
			}
			screen, err := newScreen(cmd, g.Output)
			if err != nil {
				return err
			}
			p, err := g.openHistory(cmd, &h)
			if err != nil {
				return err
			}
			defer func() { _ = p.close() }()
			if err := inOrder(p.landscape, keys, from, to); err != nil {
				return err
			}
			return p.consistency(cmd.Context(), screen, keys, from, to)
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "file with the older signed checkpoint")
	f.StringVar(&to, "to", "", "file with a newer one; without it the log as it is now is compared with the older one alone")
	k.register(cmd)
	h.register(cmd)
	return cmd
}

// inOrder refuses checkpoints that were given the wrong way round.
func inOrder(landscape string, keys []string, from, to string) error {
	if to == "" {
		return nil
	}
	_, older, err := readCheckpoint(from, landscape, keys)
	if err != nil {
		return err
	}
	_, newer, err := readCheckpoint(to, landscape, keys)
	if err != nil {
		return err
	}
	grown, shrunk := false, false
	for _, r := range older.Roots {
		if next, ok := newer.Find(r.Topic, r.Partition); ok {
			grown, shrunk = grown || next.Size > r.Size, shrunk || next.Size < r.Size
		}
	}
	if shrunk && !grown {
		return usage("--from %s is newer than --to %s: name the older one with --from", from, to)
	}
	return nil
}

func (p *past) consistency(ctx context.Context, screen *screen, keys []string, paths ...string) error {
	var heads []verify.Named
	for _, path := range paths {
		if path == "" {
			continue
		}
		_, head, err := readCheckpoint(path, p.landscape, keys)
		if err != nil {
			return err
		}
		heads = append(heads, verify.Named{Name: path, Head: head})
	}
	c, err := verify.Compare(ctx, p.landscape, p.source, p.ends, heads)
	if err != nil {
		return err
	}
	err = screen.show(c, func(t *table) {
		for _, f := range c.Findings {
			t.text("CHANGED  %s", f)
		}
		for _, u := range c.Unknown {
			t.text("not decidable  %s", u)
		}
		t.text("%d roots compared over %d records, %d are not those that were signed", c.Roots, c.Records, len(c.Findings))
	})
	switch {
	case err != nil:
		return err
	case len(c.Findings) > 0:
		return withExit(exitViolated, errViolated)
	case c.Short > 0:
		return fmt.Errorf("this folder ends before what the checkpoints cover, so whether the rest is as it was is not decidable; give the same export again: %w", domain.ErrConflict)
	case !c.Whole():
		return fmt.Errorf("not all that the checkpoints cover could be compared, so whether it is as it was is not decidable; compare an export that holds every partition from its first record on, with --file: %w", domain.ErrConflict)
	}
	return nil
}

func auditWitnessCommand(g *globals) *cobra.Command {
	var h historyFlags
	var k keyFlags
	var keyFile, seen string
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Sign, from outside, the newest checkpoint that goes with what was seen before",
		Long: `For a witness, who stands outside the landscape. Take the newest checkpoint, check its
signature, hold the log against it and against the one that the witness has signed
before, and if all is well sign it too, in the file --seen. The exit code is 6 if the
log was changed, and 3 if not all that both cover can be compared, or the newest one
covers less than that of before; then nothing is signed.`,
		Example: `  understudy audit witness --seen main.note --witness-key witness-key --key understudy.main+1a2b3c4d+AaBb…`,
		Args:    exactly,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keys, err := k.verifiers()
			switch {
			case err != nil:
				return err
			case seen == "" || keyFile == "" || len(keys) == 0:
				return usage("name the witness's key with --witness-key, the file for what it has seen with --seen, and the landscape's verifier key with --key")
			}
			witness, err := readSigningKeys(keyFile)
			if err != nil {
				return fmt.Errorf("--witness-key: %w", err)
			}
			return g.look(cmd, &h, func(p *past, screen *screen) error {
				return p.witness(cmd.Context(), screen, keys, witness, seen)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&keyFile, "witness-key", "", "file with the witness's key, as keys signing makes it")
	f.StringVar(&seen, "seen", "", "file with the newest checkpoint that the witness has signed; it is replaced")
	k.register(cmd)
	h.register(cmd)
	return cmd
}

func (p *past) witness(ctx context.Context, screen *screen, keys []string, witness *merkle.Keys, seen string) error {
	signed, err := verify.NewestHead(ctx, p.landscape, p.source, p.codec)
	if err != nil {
		return err
	}
	next := seen + ".next"
	if err := os.WriteFile(next, signed, 0o644); err != nil {
		return fmt.Errorf("keep the checkpoint: %w: %w", domain.ErrInvalid, err)
	}
	defer func() { _ = os.Remove(next) }()
	older := seen
	if _, err := os.Stat(seen); errors.Is(err, os.ErrNotExist) {
		older = "" // the first one
	}
	if err := p.consistency(ctx, screen, keys, older, next); err != nil {
		return err
	}
	if err := p.goesOn(keys, older, next); err != nil {
		return err
	}
	if signed, err = merkle.Countersign(signed, witness); err != nil {
		return err
	}
	if err := replaceSeen(next, seen, signed); err != nil {
		return fmt.Errorf("keep the checkpoint: %w: %w", domain.ErrInvalid, err)
	}
	return nil
}

// replaceSeen puts the newest checkpoint in the place of the one before, which is there
// as long as the new one would not outlive a power loss: it is what a witness knows.
func replaceSeen(next, seen string, signed []byte) error {
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(signed)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, seen); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(seen))
}

// goesOn refuses a checkpoint that covers less than the one before: signed, it would free
// what only that one binds.
func (p *past) goesOn(keys []string, older, newer string) error {
	if older == "" {
		return nil
	}
	_, before, err := readCheckpoint(older, p.landscape, keys)
	if err != nil {
		return err
	}
	_, now, err := readCheckpoint(newer, p.landscape, keys)
	if err != nil {
		return err
	}
	for _, r := range before.Roots {
		if n, ok := now.Find(r.Topic, r.Partition); !ok || n.Size < r.Size {
			return fmt.Errorf("the newest checkpoint in the log covers %d records of %s/%d, and the one in %s %d: it is older, or leaves something out, and is not signed; if the log was away just now, try again in 20 s: %w",
				n.Size, r.Topic, r.Partition, older, r.Size, domain.ErrConflict)
		}
	}
	return nil
}
