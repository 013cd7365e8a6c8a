package config

import (
	"bytes"
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
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(nodeOf(reflect.ValueOf(*c), reflect.Value{})); err != nil {
		return nil, fmt.Errorf("write the configuration as YAML: %w", err)
	}
	return b.Bytes(), e.Close()
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
