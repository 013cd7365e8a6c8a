package archive

import (
	"fmt"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// treeOf is the tree that the next file of a partition goes on with; nil if the first
// records are not in the folder, or files were written without.
func (m *Manifest) treeOf(at place, kind string) *merkle.Tree {
	if kind != domain.TopicLog.String() && kind != domain.TopicElections.String() {
		return nil
	}
	tree := &merkle.Tree{}
	for _, r := range m.Parts {
		if r.Topic == at.topic && r.Partition == at.partition && r.From > 0 {
			return nil
		}
	}
	for _, f := range m.filesOf(at) {
		tree = f.Tree
	}
	if tree == nil {
		return nil
	}
	own := tree.Clone()
	return &own
}

// Roots are those of the trees at the end of each file, by the name of the file: what its
// records and all before them hash to.
func (m *Manifest) Roots() (map[string]merkle.Root, error) {
	out := make(map[string]merkle.Root)
	for _, f := range m.Files {
		if f.Tree == nil || f.Tree.Size == 0 {
			continue
		}
		if err := f.Tree.Check(); err != nil {
			return nil, fmt.Errorf("the manifest of the export is damaged: file %s: %w", f.Name, err)
		}
		for _, kind := range []domain.TopicKind{domain.TopicLog, domain.TopicElections} {
			if f.Topic == domain.Topic(m.Landscape, kind) {
				out[f.Name] = merkle.RootOf(kind, f.Partition, f.Tree)
			}
		}
	}
	return out, nil
}
