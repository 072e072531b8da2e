package deploycheck

import (
	"fmt"
	"strings"
	"testing"
)

// parseYAML reads the part of YAML that deploy/compose.yaml and the settings of
// Prometheus and Grafana are written in, and refuses everything else: block
// mappings and sequences indented by two spaces, one-line [lists] of scalars,
// plain or "quoted" scalars, `>-` folded text. Mappings become map[string]any,
// sequences []any, scalars string, nothing nil.
func parseYAML(text string) (any, error) {
	p := yamlParser{}
	for i, line := range strings.Split(text, "\n") {
		trimmed := strings.TrimLeft(line, " ")
		if trimmed == "" || strings.HasPrefix(trimmed, "#") {
			continue
		}
		if strings.ContainsRune(line, '\t') {
			return nil, fmt.Errorf("line %d: tab", i+1)
		}
		indent := len(line) - len(trimmed)
		if indent%2 != 0 {
			return nil, fmt.Errorf("line %d: indented by %d", i+1, indent)
		}
		p.lines = append(p.lines, yamlLine{i + 1, indent, strings.TrimRight(trimmed, " ")})
	}
	value, err := p.block(0)
	if err == nil && p.at < len(p.lines) {
		err = p.fail("does not belong here")
	}
	return value, err
}

type yamlLine struct {
	number, indent int
	text           string
}

type yamlParser struct {
	lines []yamlLine
	at    int
}

func (p *yamlParser) fail(why string) error {
	return fmt.Errorf("line %d: %s: %s", p.lines[p.at].number, p.lines[p.at].text, why)
}

// block reads the lines of one indentation, up to a line with less.
func (p *yamlParser) block(indent int) (any, error) {
	if p.at == len(p.lines) || p.lines[p.at].indent < indent {
		return nil, nil
	}
	if strings.HasPrefix(p.lines[p.at].text, "- ") {
		return p.sequence(indent)
	}
	return p.mapping(indent)
}

func (p *yamlParser) mapping(indent int) (any, error) {
	m := map[string]any{}
	for p.at < len(p.lines) && p.lines[p.at].indent >= indent {
		line := p.lines[p.at]
		key, rest, ok := strings.Cut(line.text, ":")
		switch {
		case line.indent != indent || strings.HasPrefix(line.text, "- "):
			return nil, p.fail("wrong indentation")
		case !ok || rest != "" && rest[0] != ' ' || strings.ContainsAny(key, `"'{}[],&*!|> `):
			return nil, p.fail("not `key: value`")
		}
		if _, twice := m[key]; twice {
			return nil, p.fail("key for the second time")
		}
		value, err := p.value(strings.TrimSpace(rest), indent)
		if err != nil {
			return nil, err
		}
		m[key] = value
	}
	return m, nil
}

func (p *yamlParser) sequence(indent int) (any, error) {
	var list []any
	for p.at < len(p.lines) && p.lines[p.at].indent >= indent {
		line := p.lines[p.at]
		item, ok := strings.CutPrefix(line.text, "- ")
		if line.indent != indent || !ok {
			return nil, p.fail("not `- item`")
		}
		value, err := p.item(item, indent)
		if err != nil {
			return nil, err
		}
		list = append(list, value)
	}
	return list, nil
}

// item reads what stands behind a dash: a value, or a mapping whose first key
// stands there and whose others stand below it.
func (p *yamlParser) item(text string, indent int) (any, error) {
	key, rest, ok := strings.Cut(text, ":")
	if !ok || rest != "" && rest[0] != ' ' || strings.ContainsAny(key, `"[>`) {
		return p.value(text, indent)
	}
	p.lines[p.at].indent, p.lines[p.at].text = indent+2, text
	return p.mapping(indent + 2)
}

// value reads what stands behind a key or a dash of the current line, and the
// deeper lines below it.
func (p *yamlParser) value(text string, indent int) (any, error) {
	switch {
	case text == "":
		p.at++
		return p.block(indent + 2)
	case text == ">-":
		var words []string
		for p.at++; p.at < len(p.lines) && p.lines[p.at].indent > indent; p.at++ {
			words = append(words, p.lines[p.at].text)
		}
		return strings.Join(words, " "), nil
	case strings.HasPrefix(text, "["):
		inner, ok := strings.CutSuffix(text[1:], "]")
		if !ok {
			return nil, p.fail("list goes on")
		}
		list := []any{}
		for item := range strings.SplitSeq(inner, ", ") {
			scalar, err := p.scalar(item)
			if err != nil {
				return nil, err
			}
			list = append(list, scalar)
		}
		p.at++
		return list, nil
	}
	scalar, err := p.scalar(text)
	p.at++
	return scalar, err
}

func (p *yamlParser) scalar(text string) (string, error) {
	if inner, ok := strings.CutPrefix(text, `"`); ok {
		inner, ok = strings.CutSuffix(inner, `"`)
		if !ok || strings.ContainsAny(inner, `"\`) {
			return "", p.fail("odd quotes")
		}
		return inner, nil
	}
	if text == "" || strings.ContainsAny(text[:1], "'{}[]&*!|>%@`#,?") || strings.Contains(text, " #") || strings.Contains(text, ": ") {
		return "", p.fail("scalar that wants quotes")
	}
	return text, nil
}

func TestParseYAML(t *testing.T) {
	t.Parallel()
	got, err := parseYAML("# c\na: 1\nb:\n  c: [x, \"y z\"]\n  d:\n    - e=${F:-g}\n    - >-\n      one\n      two\nh:\ni:\n  - j: 1\n    k:\n      - l:\n          m: 2\n  - j: 3\n")
	if want := "map[a:1 b:map[c:[x y z] d:[e=${F:-g} one two]] h:<nil> i:[map[j:1 k:[map[l:map[m:2]]]] map[j:3]]]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("got %v %v, want %s", got, err, want)
	}
	for _, bad := range []string{
		"a: 1\na: 2\n", "a: 1\n b: 2\n", "a:\n    b: 1\n", "a: 1\n  b: 2\n", "a\n", "a: 'x'\n", "a: \"x\n", "a: [x\n",
		"a:\tb\n", "a: *b\n", "a: x: y\n", "a: b # c\n", "- a\nb: c\n", "a: 1\n- b\n", "{a: b}\n", "a: |\n",
		"- a: 1\n  a: 2\n", "- a: 1\n - b: 2\n", "- a: 1\n    b: 2\n", "- a b: 1\n",
	} {
		if got, err := parseYAML(bad); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}
