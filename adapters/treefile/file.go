package treefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/understudy-io/understudy/domain"
	"github.com/understudy-io/understudy/projections/merkle"
)

// File is where trees are kept.
type File struct{ path string }

// New keeps trees at a path, whose folder is there.
func New(path string) *File { return &File{path} }

const format = "understudy.trees.v1"

// maxFile bounds what is read: a tree is some 4 kB.
const maxFile = 16 << 20

type content struct {
	Format    string         `json:"format"`
	Landscape string         `json:"landscape"`
	Trees     []merkle.Place `json:"trees"`
}

// Load gives the trees that were kept. An error says why there are none that are good.
func (f *File) Load(landscape string) ([]merkle.Place, error) {
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err == nil && info.Size() > maxFile:
		return nil, fmt.Errorf("%s has %d bytes: %w", f.path, info.Size(), domain.ErrCorrupt)
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fmt.Errorf("read the kept trees: %w", err)
	}
	var c content
	if err := json.Unmarshal(b, &c); err != nil || c.Format != format || c.Landscape != landscape {
		return nil, fmt.Errorf("%s does not hold the trees of landscape %s: %w", f.path, landscape, domain.ErrCorrupt)
	}
	for i := range c.Trees {
		if err := c.Trees[i].Tree.Check(); err != nil {
			return nil, fmt.Errorf("%s: %w", f.path, err)
		}
	}
	return c.Trees, nil
}

// Save keeps trees in the place of those before.
func (f *File) Save(landscape string, trees []merkle.Place) error {
	b, err := json.Marshal(content{format, landscape, trees})
	if err != nil {
		return fmt.Errorf("keep the trees: %w", err)
	}
	next := f.path + ".next"
	if err := os.WriteFile(next, b, 0o600); err != nil {
		return fmt.Errorf("keep the trees: %w", err)
	}
	if err := os.Rename(next, f.path); err != nil {
		return fmt.Errorf("keep the trees: %w", err)
	}
	return nil
}
