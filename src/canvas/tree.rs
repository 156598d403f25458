//! A TOML file as a tree in which each value knows its key path and its line.

use toml_edit::{Document, Item, TableLike, Value};

/// One value of a TOML file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The key path, for example `offline_evaluation.gates[1].metric`; empty for the whole file.
    pub(crate) path: String,
    /// The line of the key, or of the element of a list, counted from 1.
    pub(crate) line: usize,
    /// What it holds.
    pub(crate) content: Content,
}

/// What a value of a TOML file holds.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Date(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// What is wrong with the syntax of a TOML file, and in which line.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

/// Reads a TOML file into a tree.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let starts: Vec<usize> =
        text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1).collect();
    let lines = Lines { starts };
    let document = Document::parse(text).map_err(|error| SyntaxError {
        line: error.span().map_or(1, |span| lines.of(span.start)),
        message: error.message().replace('\n', " "),
    })?;
    Ok(Node { path: String::new(), line: 1, content: table(document.as_table(), "", 1, &lines) })
}

struct Lines {
    /// Where each line but the first starts.
    starts: Vec<usize>,
}

impl Lines {
    fn of(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset) + 1
    }

    fn of_span(&self, span: Option<std::ops::Range<usize>>, otherwise: usize) -> usize {
        span.map_or(otherwise, |span| self.of(span.start))
    }
}

fn table(table: &dyn TableLike, path: &str, line: usize, lines: &Lines) -> Content {
    let entries = table.iter().map(|(key, item)| {
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let line = lines.of_span(table.key(key).and_then(|key| key.span()), line);
        (key.to_owned(), node(item, path, line, lines))
    });
    Content::Table(entries.collect())
}

fn node(item: &Item, path: String, line: usize, lines: &Lines) -> Node {
    let content = match item {
        Item::None => Content::Table(vec![]),
        Item::Value(value) => return value_node(value, path, line, lines),
        Item::Table(inner) => table(inner, &path, line, lines),
        Item::ArrayOfTables(tables) => {
            let elements = tables.iter().enumerate().map(|(index, inner)| {
                let path = format!("{path}[{index}]");
                let line = lines.of_span(inner.span(), line);
                Node { content: table(inner, &path, line, lines), path, line }
            });
            Content::List(elements.collect())
        }
    };
    Node { path, line, content }
}

fn value_node(value: &Value, path: String, line: usize, lines: &Lines) -> Node {
    let content = match value {
        Value::String(text) => Content::Text(text.value().clone()),
        Value::Integer(number) => Content::Integer(*number.value()),
        Value::Float(number) => Content::Float(*number.value()),
        Value::Boolean(flag) => Content::Bool(*flag.value()),
        Value::Datetime(date) => Content::Date(date.value().to_string()),
        Value::Array(array) => {
            let elements = array.iter().enumerate().map(|(index, element)| {
                value_node(element, format!("{path}[{index}]"), lines.of_span(element.span(), line), lines)
            });
            Content::List(elements.collect())
        }
        Value::InlineTable(inner) => table(inner, &path, line, lines),
    };
    Node { path, line, content }
}

impl Node {
    /// The line of the value at `path`, or of the nearest one around it that is in the file.
    pub(crate) fn line_of(&self, path: &str) -> usize {
        let mut line = self.line;
        let mut here = self;
        while let Some(next) = here.children().find(|child| is_within(path, &child.path)) {
            line = next.line;
            here = next;
        }
        line
    }

    /// Takes the value at `path` out of the tree; says whether there was one.
    pub(crate) fn remove(&mut self, path: &str) -> bool {
        match &mut self.content {
            Content::List(elements) => {
                let before = elements.len();
                elements.retain(|element| element.path != path);
                elements.len() < before
                    || elements.iter_mut().any(|child| is_within(path, &child.path) && child.remove(path))
            }
            Content::Table(entries) => {
                let before = entries.len();
                entries.retain(|(_, node)| node.path != path);
                entries.len() < before
                    || entries.iter_mut().any(|(_, child)| is_within(path, &child.path) && child.remove(path))
            }
            _ => false,
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Node> + '_> {
        match &self.content {
            Content::List(elements) => Box::new(elements.iter()),
            Content::Table(entries) => Box::new(entries.iter().map(|(_, node)| node)),
            _ => Box::new(std::iter::empty()),
        }
    }
}

/// Whether the key path `inner` is `outer` or lies below it.
pub(crate) fn is_within(inner: &str, outer: &str) -> bool {
    outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "name = \"a\"\n\n[block]\ngates = [\n  { metric = \"x\" },\n  { metric = \"y\",\n    min = 1 },\n]\n\n[[list.rule]]\nwindow = 1\n";

    #[test]
    fn each_value_knows_its_line() {
        let tree = parse(TEXT).unwrap();
        let lines = [
            ("name", 1),
            ("block", 3),
            ("block.gates", 4),
            ("block.gates[1].metric", 6),
            ("block.gates[1].min", 7),
            ("block.gates[1].max", 6),
            ("list.rule[0].window", 11),
            ("list.rule[0].alert", 10),
            ("absent", 1),
        ];
        for (path, line) in lines {
            assert_eq!(tree.line_of(path), line, "{path}");
        }
    }

    #[test]
    fn a_removed_value_is_gone() {
        let mut tree = parse(TEXT).unwrap();
        assert!(tree.remove("block.gates[1].min"));
        assert!(!tree.remove("block.gates[1].min"));
        assert_eq!(tree.line_of("block.gates[1].min"), 6);
    }

    #[test]
    fn broken_syntax_names_its_line() {
        let error = parse("name = \"a\"\nrange = [0, \n[block]\nx = 1\n").unwrap_err();
        assert!(error.line >= 2 && !error.message.is_empty(), "{error:?}");
    }
}
