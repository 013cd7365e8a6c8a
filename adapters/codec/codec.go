package codec

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/understudy-io/understudy/domain"
)

// Codec reads and writes the records of one landscape. It may be used by any
// number of goroutines.
type Codec struct {
	topics  [4]string // by domain.TopicKind
	current string
	signers map[string]*signer
	types   map[string]*recordType
	arenas  sync.Pool // of *arena
}

// New makes a codec. Without keys it reads what others wrote but knows nothing
// as Signed, and it cannot write what needs a MAC.
func New(landscape string, keys Keyring) *Codec {
	c := &Codec{current: keys.current, signers: make(map[string]*signer, len(keys.keys)), types: recordTypes(registry)}
	c.arenas.New = func() any { return newArena() }
	for k := range c.topics {
		c.topics[k] = domain.Topic(landscape, domain.TopicKind(k))
	}
	for id, key := range keys.keys {
		c.signers[id] = newSigner(key)
	}
	return c
}

// CanVerify says whether this codec has keys. Without them Signed is never set.
func (c *Codec) CanVerify() bool { return len(c.signers) > 0 }

// KeyIDs names the keys, sorted.
func (c *Codec) KeyIDs() []string { return slices.Sorted(maps.Keys(c.signers)) }

// home says whether records of a type belong into a topic.
func home(t domain.Type, topic domain.TopicKind) bool {
	switch domain.ClassOf(t) {
	case domain.ClassCommand, domain.ClassOperator, domain.ClassRevision, domain.ClassPrimary:
		return topic == domain.TopicLog
	case domain.ClassControl:
		return topic == domain.TopicControl
	case domain.ClassCopy:
		if t == domain.TypeElection {
			return topic == domain.TopicElections
		}
		return topic == domain.TopicDeadLetter
	}
	return false
}

func (c *Codec) topicName(topic domain.TopicKind) (string, error) {
	if int(topic) >= len(c.topics) {
		return "", fmt.Errorf("topic kind %d: there are %d: %w", topic, len(c.topics), domain.ErrInvalid)
	}
	return c.topics[topic], nil
}
