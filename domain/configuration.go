package domain

// PartitionOfRevisions is where the revisions of the landscape's configuration
// stand: one order for all of them.
const PartitionOfRevisions = 0

// SubjectOfRevisions is the subject of their records.
const SubjectOfRevisions = "configuration"

// Limits on a revision.
const (
	MaxRevision      = 32 << 20  // bytes of its encoding
	MaxRevisionPart  = 256 << 10 // bytes of one part of it: a small one holds up no command
	MaxRevisionParts = MaxRevision / MaxRevisionPart
)

// RevisionPart is a piece of the encoding of a revision, which may be larger than a
// record. It means nothing by itself: a Published names the parts that count.
type RevisionPart struct {
	Number int    `msgpack:"number" json:"number"` // from 0
	Bytes  []byte `msgpack:"bytes" json:"bytes"`
}

// Published makes the next revision of the landscape's configuration. It counts only
// on the revision that its author has seen, so that nobody overwrites what he does
// not know.
type Published struct {
	Revision uint64  `msgpack:"revision" json:"revision"`
	Parent   uint64  `msgpack:"parent" json:"parent"` // the newest one as its author has seen it; 0 for none
	Hash     string  `msgpack:"hash" json:"hash"`     // SHA-256 of the encoding, 64 hexadecimal digits
	Size     int64   `msgpack:"size" json:"size"`     // bytes of the encoding
	Parts    []int64 `msgpack:"parts" json:"parts"`   // offsets of its parts, in order
	Comment  string  `msgpack:"comment,omitempty" json:"comment,omitempty"`
	Server   string  `msgpack:"server" json:"server"`                         // through which it came
	Activate bool    `msgpack:"activate,omitempty" json:"activate,omitempty"` // also as Activated
	// TakeOver names the server that is to act from now on: all in one step.
	TakeOver string `msgpack:"take_over,omitempty" json:"take_over,omitempty"`
	// Keeper is, by this revision, the server that has to be primary while the
	// configuration changes; empty for any.
	Keeper   string `msgpack:"keeper,omitempty" json:"keeper,omitempty"`
	Epoch    uint64 `msgpack:"epoch,omitempty" json:"epoch,omitempty"`       // as seen by the server
	Primary  string `msgpack:"primary,omitempty" json:"primary,omitempty"`   // of that epoch
	Override bool   `msgpack:"override,omitempty" json:"override,omitempty"` // though another one is the keeper
}

// Activated has the landscape go over to a revision, which is never an older one.
type Activated struct {
	Revision uint64 `msgpack:"revision" json:"revision"`
	Comment  string `msgpack:"comment,omitempty" json:"comment,omitempty"`
	Server   string `msgpack:"server" json:"server"`                         // through which it came
	Epoch    uint64 `msgpack:"epoch,omitempty" json:"epoch,omitempty"`       // as seen by the server
	Primary  string `msgpack:"primary,omitempty" json:"primary,omitempty"`   // of that epoch
	Override bool   `msgpack:"override,omitempty" json:"override,omitempty"` // though another one is the keeper
}

// RevisionApplied says that all devices of a partition are as a revision has them.
type RevisionApplied struct {
	Revision uint64 `msgpack:"revision" json:"revision"`
}

// RevisionAcknowledged is a server's own word, in control, about the revision that is active:
// it knows what is in it, and has folded that all devices have it; or why it cannot.
type RevisionAcknowledged struct {
	Incarnation string `msgpack:"incarnation" json:"incarnation"`
	Revision    uint64 `msgpack:"revision" json:"revision"`
	Hash        string `msgpack:"hash" json:"hash"` // of what the server has read, as in Published
	At          int64  `msgpack:"at" json:"at"`     // offset of the record that activated it, in the partition of revisions
	Failure     string `msgpack:"failure,omitempty" json:"failure,omitempty"`
}

// Same says whether two acknowledgements are the same word. In whichever words a server
// says why it cannot, it is one: each of another would be kept for ever.
func (a RevisionAcknowledged) Same(b RevisionAcknowledged) bool {
	able := (a.Failure == "") == (b.Failure == "")
	a.Failure, b.Failure = "", ""
	return able && a == b
}

func (RevisionPart) Type() Type         { return TypeRevisionPart }
func (Published) Type() Type            { return TypePublished }
func (Activated) Type() Type            { return TypeActivated }
func (RevisionApplied) Type() Type      { return TypeRevisionApplied }
func (RevisionAcknowledged) Type() Type { return TypeAcknowledged }

// Why the fold refuses a change of the configuration.
const (
	ReasonStaleRevision   Reason = "stale_revision"   // there is a newer one than its author has seen
	ReasonUnknownRevision Reason = "unknown_revision" // it was never published, or long ago
	ReasonConfigLocked    Reason = "config_locked"    // another server than the keeper is primary
	ReasonEpochMoved      Reason = "epoch_moved"      // primacy moved while it was under way
)
