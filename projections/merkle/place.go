package merkle

import "github.com/understudy-io/understudy/domain"

// Place is the tree of one partition.
type Place struct {
	Topic     domain.TopicKind `json:"topic"`
	Partition int32            `json:"partition"`
	Tree      Tree             `json:"tree"`
}

// Root is its root as it is.
func (p *Place) Root() Root { return RootOf(p.Topic, p.Partition, &p.Tree) }
