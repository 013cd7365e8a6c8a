package config

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/understudy-io/understudy/domain/configuration"
)

// RenderLandscape writes a configuration as a file that ParseLandscape reads as the
// same. What is as it is by default is left out.
func RenderLandscape(c *configuration.Configuration) ([]byte, error) {
	sections := nodeOf(reflect.ValueOf(*c), reflect.Value{}).Content
	if len(sections) == 0 {
		return []byte("{}\n"), nil
	}
	var b bytes.Buffer
	for i := 0; i < len(sections); i += 2 {
		if err := renderSection(&b, sections[i], sections[i+1]); err != nil {
			return nil, fmt.Errorf("write the configuration as YAML: %w", err)
		}
	}
	return b.Bytes(), nil
}

// renderAtOnce is how many entries are given to the YAML encoder together: it holds all
// that it is given many times over.
const renderAtOnce = 50

// renderSection writes a section with its key, some entries at a time.
func renderSection(b *bytes.Buffer, key, value *yaml.Node) error {
	for begun := false; ; begun = true {
		part := *value
		if n := len(value.Content); value.Kind == yaml.SequenceNode && n > renderAtOnce {
			part.Content, value.Content = value.Content[:renderAtOnce], value.Content[renderAtOnce:]
		} else {
			value.Content = nil
		}
		at := b.Len()
		e := yaml.NewEncoder(b)
		e.SetIndent(2)
		if err := errors.Join(e.Encode(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, &part}}), e.Close()); err != nil {
			return err
		}
		if begun { // the key stands there already
			rest := b.Bytes()[at:]
			head := bytes.IndexByte(rest, '\n') + 1
			b.Truncate(at + copy(rest, rest[head:]))
		}
		if len(value.Content) == 0 {
			return nil
		}
	}
}

// nodeOf makes a tree of a value, without what initial has too.
func nodeOf(v, initial reflect.Value) *yaml.Node {
	switch v.Kind() {
	case reflect.Struct:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for i := range v.NumField() {
			key := v.Type().Field(i).Tag.Get("koanf")
			f, usual := v.Field(i), reflect.Zero(v.Field(i).Type())
			if initial.IsValid() {
				usual = initial.Field(i)
			}
			if key == "-" || f.Kind() == reflect.Slice && f.Len() == 0 || reflect.DeepEqual(f.Interface(), usual.Interface()) {
				continue
			}
			n.Content = append(n.Content, text(key), nodeOf(f, reflect.Value{}))
		}
		return n
	case reflect.Slice:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for i := range v.Len() {
			n.Content = append(n.Content, nodeOf(v.Index(i), initials[v.Type().Elem()]))
		}
		if v.Type().Elem().Kind() == reflect.String {
			n.Style = yaml.FlowStyle
		}
		return n
	case reflect.Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v.Bool())}
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: short(d)}
	}
	if v.CanInt() {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
	}
	return text(v.String())
}

func text(s string) *yaml.Node {
	n := new(yaml.Node)
	n.SetString(s)
	return n
}
