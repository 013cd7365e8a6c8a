package verify

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/domain/partition"
	"github.com/understudy-io/understudy/projections/audit"
	"github.com/understudy-io/understudy/projections/snapshot"
)

// Bookmark says where a verification is kept while it runs, so that another one can go on
// with it: how far each partition of the log was judged, what the rules remember of it,
// and the states of the fold. The other topics are read anew.
type Bookmark struct {
	Path   string // of the file; empty: nothing is kept
	Build  string // of this program
	Resume bool   // go on with what is there
}

// keepEvery is how often it is written while the log is read.
const keepEvery = time.Minute

// heading says of what a bookmark is.
type heading struct {
	Landscape string
	Build     string
	Rules     int // audit.RulesVersion
	Logic     int // partition.LogicVersion
	Asked     [sha256.Size]byte
	Keys      []string
	Starts    []int64              // the first offsets of the log's partitions
	Last      []domain.Fingerprint // their last records that were judged
	Records   int64                // of the log that were judged
}

// The file is a snapshot, a heading and what the auditor keeps; then the lengths of these
// three, the SHA-256 of the latter two, and magic.
const (
	bookmarkMagic = "understudy bookmark 1\n"
	tailBytes     = 3*8 + sha256.Size + len(bookmarkMagic)
)

func (r *run) heading() heading {
	h := heading{
		Landscape: r.Landscape, Build: r.Bookmark.Build, Rules: audit.RulesVersion, Logic: partition.LogicVersion, Keys: r.Codec.KeyIDs(),
		Asked: sha256.Sum256(fmt.Appendf(nil, "%d %d %q %v", r.Within.Since, r.Within.Until, r.Keys, r.Heads)), Last: r.last,
	}
	for _, x := range r.log {
		h.Starts = append(h.Starts, x.begins)
		h.Records += r.auditor.Next(x.partition) - x.begins
	}
	return h
}

// keep writes the bookmark. It stands aside until it is whole.
func (r *run) keep() (err error) {
	r.kept = time.Now()
	if err := os.MkdirAll(filepath.Dir(r.Bookmark.Path), 0o700); err != nil {
		return unkept(err)
	}
	f, err := os.CreateTemp(filepath.Dir(r.Bookmark.Path), "*.tmp")
	if err != nil {
		return unkept(err)
	}
	err = errors.Join(r.write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), r.Bookmark.Path)
	}
	if err != nil {
		return errors.Join(unkept(err), os.Remove(f.Name()))
	}
	return nil
}

func unkept(err error) error {
	return fmt.Errorf("keep what was judged: make room, name another folder with --cache, or keep nothing with --cache none: %w", err)
}

func (r *run) write(f *os.File) error {
	partitions := int32(len(r.log))
	_, err := snapshot.Write(f, snapshot.Source{Landscape: r.Landscape, Partitions: partitions, TakenAt: domain.InstantOf(r.kept), Part: func(p int32) (snapshot.State, domain.Fingerprint, error) {
		if s := r.auditor.State(p); s != nil {
			return frozen(s), r.last[p], nil
		}
		return frozen(partition.New(p, partitions, partition.DefaultLimits())), domain.Fingerprint{}, nil
	}})
	if err != nil {
		return err
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	head, err := msgpack.Marshal(r.heading())
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(f, writtenAtOnce)
	rest := &bounded{to: io.MultiWriter(out, sum), left: maxBookmark - at}
	if _, err := rest.Write(head); err != nil {
		return err
	}
	before := rest.left
	if err := r.auditor.Keep(rest); err != nil {
		return err
	}
	var tail []byte
	for _, n := range []int64{at, int64(len(head)), before - rest.left} {
		tail = binary.BigEndian.AppendUint64(tail, uint64(n))
	}
	tail = append(sum.Sum(tail), bookmarkMagic...)
	_, err = out.Write(tail)
	return errors.Join(err, out.Flush(), f.Sync())
}

const (
	// maxBookmark is how long a bookmark gets: it is read at once. One of a log of a
	// thousand busy devices has some MB.
	maxBookmark   = 1 << 30
	writtenAtOnce = 256 << 10
)

// bounded is a writer that refuses what would be too long.
type bounded struct {
	to   io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, fmt.Errorf("what is to be remembered has more than %d bytes: %w", maxBookmark, domain.ErrInvalid)
	}
	return b.to.Write(p)
}

func frozen(s *partition.State) *partition.Frozen {
	f := s.Freeze()
	for !f.Step() {
	}
	return f
}

// parts are those of a bookmark.
type parts struct {
	snapshot, kept []byte
	heading
}

func readBookmark(path string) (p parts, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, fmt.Errorf("there is no interrupted verification to go on with (%s): leave --resume out: %w", path, domain.ErrNotFound)
	}
	if err != nil {
		return p, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxBookmark+int64(tailBytes)+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return p, err
	}
	broken := fmt.Errorf("%s is damaged or cut: remove it, and begin anew without --resume: %w", path, domain.ErrCorrupt)
	if len(b) < tailBytes || len(b) > maxBookmark+tailBytes || string(b[len(b)-len(bookmarkMagic):]) != bookmarkMagic {
		return p, broken
	}
	tail := b[len(b)-tailBytes:]
	var n [3]uint64
	for i := range n {
		n[i] = binary.BigEndian.Uint64(tail[8*i:])
	}
	body := b[:len(b)-tailBytes]
	most := uint64(len(body))
	if n[0] > most || n[1] > most || n[2] > most || n[0]+n[1]+n[2] != most {
		return p, broken
	}
	if sum := sha256.Sum256(body[n[0]:]); !bytes.Equal(sum[:], tail[24:24+sha256.Size]) {
		return p, broken
	}
	p.snapshot, p.kept = body[:n[0]], body[n[0]+n[1]:]
	if err := msgpack.Unmarshal(body[n[0]:n[0]+n[1]], &p.heading); err != nil {
		return p, broken
	}
	return p, nil
}

// remove takes the bookmark of a verification that is over away.
func (b *Bookmark) remove() error {
	if b.Path == "" {
		return nil
	}
	if err := os.Remove(b.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the verification is over, and what was kept of it is of no use any more: remove it by hand: %w", err)
	}
	return nil
}

// Identity tells the logs of landscapes of one name apart: by the first record of elections,
// which is there once a server has run.
func Identity(ctx context.Context, source Source, landscape string) (string, error) {
	topic := domain.Topic(landscape, domain.TopicElections)
	bounds, err := source.Bounds(ctx, topic)
	if err != nil || len(bounds) == 0 {
		return "", nil //nolint:nilerr // opening the log says why
	}
	first := newReader(landscape, domain.TopicElections, 0, domain.Bounds{Start: bounds[0].Start, End: min(bounds[0].Start+1, bounds[0].End)})
	go first.run(ctx, source)
	messages, err := first.take(math.MaxInt64)
	if err != nil || len(messages) == 0 {
		return "", err
	}
	return hex.EncodeToString(domain.FingerprintOf(messages[0]).Digest[:identityBytes]), nil
}

// identityBytes is how much of a fingerprint names a log.
const identityBytes = 8
