//! Text to graph.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::lex::{Token, lex};
use crate::data::{Const, Prim, Scalar, TensorData};
use crate::graph::{Graph, Location};
use crate::ids::{RegionId, ValueId};
use crate::ops::{Attrs, Op};
use crate::types::{DType, Dim, Type};
use crate::verify::verify;

/// Why a text is no valid graph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    /// Line in the text, from 1.
    pub line: u32,
    /// What is wrong.
    pub message: String,
}

impl ParseError {
    pub(super) fn new(line: u32, message: impl Into<String>) -> ParseError {
        ParseError { line, message: message.into() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "graph text, line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

/// Regions deeper than this are refused, so that no text overflows the stack.
const MAX_DEPTH: usize = 200;
/// Ranks above this are refused.
const MAX_RANK: usize = 64;

/// Reads and verifies a graph; `constants` is the table of large constants.
pub fn parse(text: &str, constants: &[Const]) -> Result<Graph> {
    let tokens = lex(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        graph: Graph::new(""),
        names: HashMap::new(),
        files: Vec::new(),
        constants,
        depth: 0,
    };
    parser.function()?;
    let graph = parser.graph;
    verify(&graph).map_err(|e| ParseError::new(1, e))?;
    Ok(graph)
}

struct Parser<'a> {
    tokens: Vec<(Token, u32)>,
    at: usize,
    graph: Graph,
    names: HashMap<String, ValueId>,
    files: Vec<Arc<str>>,
    constants: &'a [Const],
    depth: usize,
}

impl Parser<'_> {
    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        let line = self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |t| t.1);
        Err(ParseError::new(line, message))
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.0)
    }

    fn next(&mut self) -> Result<Token> {
        let Some((token, _)) = self.tokens.get(self.at) else { return self.error("the text ends too early") };
        self.at += 1;
        Ok(token.clone())
    }

    fn eat(&mut self, c: char) -> bool {
        let hit = self.peek() == Some(&Token::Punct(c));
        self.at += usize::from(hit);
        hit
    }

    fn expect(&mut self, c: char) -> Result<()> {
        if self.eat(c) { Ok(()) } else { self.error(format!("expected `{c}`")) }
    }

    fn eat_word(&mut self, word: &str) -> bool {
        let hit = matches!(self.peek(), Some(Token::Word(w)) if w == word);
        self.at += usize::from(hit);
        hit
    }

    fn expect_word(&mut self, word: &str) -> Result<()> {
        if self.eat_word(word) { Ok(()) } else { self.error(format!("expected `{word}`")) }
    }

    fn word(&mut self) -> Result<String> {
        match self.next()? {
            Token::Word(w) => Ok(w),
            _ => {
                self.at -= 1;
                self.error("expected a word")
            }
        }
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T> {
        let word = self.word()?;
        match word.parse() {
            Ok(n) => Ok(n),
            Err(_) => self.error(format!("`{word}` is not a number that fits")),
        }
    }

    /// Items up to the closing character.
    fn list<T>(&mut self, close: char, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = Vec::new();
        while !self.eat(close) {
            items.push(item(self)?);
            if !self.eat(',') {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn function(&mut self) -> Result<()> {
        if self.eat_word("files") {
            loop {
                let Token::Text(file) = self.next()? else { return self.error("expected a file name") };
                self.files.push(file.into());
                if !self.eat(',') {
                    break;
                }
            }
        }
        self.expect_word("fn")?;
        self.graph.name = self.word()?;
        self.expect('(')?;
        let body = self.graph.body;
        self.args(body)?;
        if !matches!(self.next()?, Token::Arrow) {
            return self.error("expected `->`");
        }
        self.graph.result_types = if self.eat('(') { self.list(')', Self::ty)? } else { vec![self.ty()?] };
        self.expect('{')?;
        self.region(body, "return")?;
        if self.peek().is_some() {
            return self.error("unexpected text after the function");
        }
        Ok(())
    }

    fn declared(&mut self) -> Result<(String, Type)> {
        let Token::Value(name) = self.next()? else { return self.error("expected a value") };
        self.expect(':')?;
        Ok((name, self.ty()?))
    }

    fn args(&mut self, region: RegionId) -> Result<()> {
        for (name, ty) in self.list(')', Self::declared)? {
            let value = self.graph.arg(region, ty, None);
            self.bind(name, value)?;
        }
        Ok(())
    }

    fn bind(&mut self, name: String, value: ValueId) -> Result<()> {
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            let hint = name.split('.').next().unwrap_or(&name);
            self.graph.values[value].name = Some(hint.into());
        }
        match self.names.insert(name.clone(), value) {
            Some(_) => self.error(format!("%{name} is defined twice")),
            None => Ok(()),
        }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { self.error("the text is nested too deeply") } else { Ok(()) }
    }

    fn ty(&mut self) -> Result<Type> {
        if self.eat('(') {
            self.deeper()?;
            let parts = self.list(')', Self::ty)?;
            self.depth -= 1;
            return Ok(Type::Tuple(parts));
        }
        let word = self.word()?;
        match word.as_str() {
            "_" => return Ok(Type::Hole),
            "opaque" => return Ok(Type::Opaque),
            "list" | "option" => {
                self.expect('<')?;
                self.deeper()?;
                let inner = Box::new(self.ty()?);
                self.depth -= 1;
                self.expect('>')?;
                return Ok(if word == "list" { Type::List(inner) } else { Type::Option(inner) });
            }
            _ => {}
        }
        let Ok(dtype) = word.parse::<DType>() else { return self.error(format!("`{word}` is not a type")) };
        if !self.eat('[') {
            return Ok(Type::Scalar(dtype));
        }
        if dtype == DType::Usize {
            return self.error("a tensor of usize");
        }
        if self.eat('*') {
            self.expect(']')?;
            return Ok(Type::Tensor(dtype, None));
        }
        let dims = self.list(']', Self::dim)?;
        if dims.len() > MAX_RANK {
            return self.error("the rank is too high");
        }
        Ok(Type::Tensor(dtype, Some(dims)))
    }

    fn dim(&mut self) -> Result<Dim> {
        if self.eat('?') {
            return Ok(Dim::Unknown);
        }
        let word = self.word()?;
        let dim = match word.strip_prefix('n') {
            Some(rest) => rest.parse().ok().map(Dim::Sym),
            None => word.parse().ok().map(Dim::Known),
        };
        dim.map_or_else(|| self.error(format!("`{word}` is not a size")), Ok)
    }

    fn region(&mut self, region: RegionId, end: &str) -> Result<()> {
        self.deeper()?;
        while !self.eat_word(end) {
            self.node(region)?;
        }
        let mut results = Vec::new();
        while self.peek() != Some(&Token::Punct('}')) {
            results.push(self.operand(region)?);
            if !self.eat(',') {
                break;
            }
        }
        self.expect('}')?;
        self.graph.regions[region].results = results;
        self.depth -= 1;
        Ok(())
    }

    /// A value, or a literal, which becomes a constant node.
    fn operand(&mut self, region: RegionId) -> Result<ValueId> {
        match self.next()? {
            Token::Value(name) => match self.names.get(&name) {
                Some(value) => Ok(*value),
                None => self.error(format!("%{name} is not defined")),
            },
            Token::Word(word) => {
                let Some((scalar, hole)) = literal(&word) else {
                    return self.error(format!("`{word}` is not a literal"));
                };
                let value = self.graph.scalar(region, scalar);
                if hole {
                    self.graph.values[value].ty = Type::Hole;
                    if rounds_twice(&word, scalar)
                        && let Some(node) = self.graph.regions[region].nodes.last()
                    {
                        self.graph.nodes[*node].attrs.text = Some(word);
                    }
                }
                Ok(value)
            }
            _ => self.error("expected a value or a literal"),
        }
    }

    fn node(&mut self, region: RegionId) -> Result<()> {
        let mut results = Vec::new();
        if matches!(self.peek(), Some(Token::Value(_))) {
            loop {
                results.push(self.declared()?);
                if !self.eat(',') {
                    break;
                }
            }
            self.expect('=')?;
        }
        let name = self.word()?;
        let Some(op) = Op::from_name(&name) else { return self.error(format!("`{name}` is not an op")) };
        let operands = match op {
            Op::If => vec![self.operand(region)?],
            Op::Fused => vec![],
            _ => {
                self.expect('(')?;
                self.list(')', |p| p.operand(region))?
            }
        };
        let is_braced = !matches!(op, Op::If | Op::Fused);
        let attrs = if is_braced && self.eat('{') { self.attrs()? } else { Attrs::default() };
        let location = self.location()?;
        let types = results.iter().map(|r| r.1.clone()).collect();
        let node = self.graph.push(region, op, operands, attrs, types, location);
        let values = self.graph.nodes[node].results.clone();
        for ((name, _), value) in results.into_iter().zip(values) {
            self.bind(name, value)?;
        }
        let regions = self.nested(op)?;
        self.graph.nodes[node].regions = regions;
        Ok(())
    }

    fn nested(&mut self, op: Op) -> Result<Vec<RegionId>> {
        let mut regions = Vec::new();
        let heads: &[&str] = match op {
            Op::If => &["", "else"],
            Op::Loop => &["while", "do"],
            Op::Fused => &[""],
            _ => &[],
        };
        for head in heads {
            let region = self.graph.region();
            if !head.is_empty() {
                self.expect_word(head)?;
            }
            if op == Op::Loop {
                self.expect('(')?;
                self.args(region)?;
            }
            self.expect('{')?;
            self.region(region, "yield")?;
            regions.push(region);
        }
        Ok(regions)
    }

    fn attrs(&mut self) -> Result<Attrs> {
        let mut attrs = Attrs::default();
        self.list('}', |p| {
            let key = p.word()?;
            if key == "keep" {
                attrs.keep = true;
                return Ok(());
            }
            if key == "fast" {
                attrs.fast = true;
                return Ok(());
            }
            p.expect('=')?;
            match key.as_str() {
                "axes" => {
                    p.expect('[')?;
                    attrs.axes = Some(p.list(']', Self::number)?);
                }
                "dtype" => attrs.dtype = p.ty()?.dtype(),
                "text" => match p.next()? {
                    Token::Text(text) => attrs.text = Some(text),
                    _ => return p.error("expected a string"),
                },
                "value" => attrs.value = Some(p.constant()?),
                _ => return p.error(format!("`{key}` is not an attribute")),
            }
            Ok(())
        })?;
        Ok(attrs)
    }

    fn constant(&mut self) -> Result<Const> {
        if self.eat('@') {
            return self.table_constant();
        }
        if let Some(Token::Word(word)) = self.peek()
            && let Some((scalar, _)) = literal(word)
        {
            self.at += 1;
            return Ok(Const::Scalar(scalar));
        }
        let (dtype, shape) = self.constant_type()?;
        self.expect('[')?;
        let values = self.list(']', |p| {
            let word = p.word()?;
            match digits(&word, dtype) {
                Some(s) => Ok(s),
                None => p.error(format!("`{word}` is not a {dtype}")),
            }
        })?;
        if shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d)) != Some(values.len()) {
            return self.error("the number of elements does not fit the shape");
        }
        Ok(Const::Tensor(Arc::new(TensorData::from_scalars(dtype, shape, &values))))
    }

    fn constant_type(&mut self) -> Result<(DType, Vec<usize>)> {
        let Type::Tensor(dtype, Some(dims)) = self.ty()? else {
            return self.error("expected a shaped tensor type");
        };
        let known = |d: &Dim| if let Dim::Known(n) = d { Some(*n) } else { None };
        match dims.iter().map(known).collect() {
            Some(shape) => Ok((dtype, shape)),
            None => self.error("a constant has known sizes"),
        }
    }

    fn table_constant(&mut self) -> Result<Const> {
        let name = self.word()?;
        self.expect(':')?;
        let (dtype, shape) = self.constant_type()?;
        self.expect('#')?;
        let hash = self.word()?;
        let index = name.strip_prefix('c').and_then(|n| n.parse::<usize>().ok());
        match index.and_then(|i| self.constants.get(i)) {
            Some(Const::Tensor(t))
                if t.dtype() == dtype && t.shape == shape && format!("{:016x}", t.hash()) == hash =>
            {
                Ok(Const::Tensor(t.clone()))
            }
            Some(_) => self.error(format!("constant @{name} is not the one that the text was printed with")),
            None => self.error(format!("constant @{name} is missing from the table")),
        }
    }

    fn location(&mut self) -> Result<Option<Location>> {
        if !self.eat('@') {
            return Ok(None);
        }
        let file: usize = self.number()?;
        self.expect(':')?;
        let line = self.number()?;
        self.expect(':')?;
        let column = self.number()?;
        match self.files.get(file) {
            Some(file) => Ok(Some(Location { file: file.clone(), line, column })),
            None => self.error(format!("there is no file {file}")),
        }
    }
}

/// The scalar of digits without suffix.
fn digits(word: &str, dtype: DType) -> Option<Scalar> {
    fn read<T: std::str::FromStr + Prim>(word: &str) -> Option<Scalar> {
        word.parse::<T>().ok().map(Prim::to_scalar)
    }
    match dtype {
        DType::Bool => read::<bool>(word),
        DType::U8 => read::<u8>(word),
        DType::I32 => read::<i32>(word),
        DType::I64 => read::<i64>(word),
        DType::Usize => read::<usize>(word),
        DType::F32 => read::<f32>(word),
        DType::F64 => read::<f64>(word),
    }
}

/// Whether the f32 that digits mean is another one by way of f64: then the digits are kept.
pub fn rounds_twice(digits: &str, value: Scalar) -> bool {
    let single = digits.parse::<f32>();
    value.dtype().is_float() && single.is_ok_and(|s| !Scalar::F32(s).same_bits(value.cast(DType::F32)))
}

/// A literal, and whether its type is open.
fn literal(word: &str) -> Option<(Scalar, bool)> {
    if word == "true" || word == "false" {
        return Some((Scalar::Bool(word == "true"), false));
    }
    match word.split_once('_') {
        Some((text, suffix)) => Some((digits(text, suffix.parse().ok()?)?, false)),
        None if word.contains(['.', 'e', 'n']) => Some((digits(word, DType::F64)?, true)),
        None => Some((digits(word, DType::I64).or_else(|| digits(word, DType::Usize))?, true)),
    }
}
