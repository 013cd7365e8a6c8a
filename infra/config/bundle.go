package config

import (
	"bufio"
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/understudy-io/understudy/domain"
)

// Bundle is a revision of a landscape's configuration as a file: it can be published, and
// its first line says where it is from. There is nothing of a server's own in it.
type Bundle struct {
	Landscape string
	Revision  uint64
	Hash      string
	Epoch     uint64 // in which it was activated; 0: never
	Text      []byte // YAML
}

const bundleMark = "# understudy configuration"

// Write gives the file.
func (b *Bundle) Write() []byte {
	epoch := ""
	if b.Epoch > 0 {
		epoch = fmt.Sprintf(" epoch=%d", b.Epoch)
	}
	return fmt.Appendf(nil, "%s landscape=%s revision=%d hash=%s%s\n%s", bundleMark, b.Landscape, b.Revision, b.Hash, epoch, b.Text)
}

// ReadBundle reads what Write gives. The text is all of it: the first line is a comment.
func ReadBundle(text []byte) (*Bundle, error) {
	first, _, _ := bufio.NewReader(bytes.NewReader(text)).ReadLine()
	rest, ok := strings.CutPrefix(string(first), bundleMark)
	b := &Bundle{Text: text}
	for word := range strings.FieldsSeq(rest) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "landscape":
			b.Landscape = value
		case "revision":
			b.Revision, _ = strconv.ParseUint(value, 10, 64)
		case "hash":
			b.Hash = value
		case "epoch":
			b.Epoch, _ = strconv.ParseUint(value, 10, 64)
		}
	}
	if !ok || b.Landscape == "" || b.Hash == "" {
		return nil, fmt.Errorf("this was not exported by `understudy config export`: its first line does not say so; `understudy config publish` takes any file: %w", domain.ErrInvalid)
	}
	return b, nil
}
