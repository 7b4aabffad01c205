//! Loops over scalars and elements become register programs.

use std::collections::HashMap;

use jit_ir::scalar::{ScalarLoop, form};
use jit_ir::{DType, Graph, Node, Op, RegionId, Scalar, Type, ValueId};
use smallvec::SmallVec;

use crate::kernels::native;
use crate::kernels::scalar::{Instr, Other, Place, Program, REGISTERS, binary, bits, function, unary};

/// The program of a loop, and the values that it reads besides the loop's operands; `None` if the loop is
/// not one of scalars and elements alone.
pub(crate) fn compile(graph: &Graph, node: &Node) -> Option<(Program, Vec<ValueId>)> {
    let scalar_loop = ScalarLoop::of(graph, node)?;
    let mut builder = Builder {
        graph,
        of: &scalar_loop,
        registers: HashMap::new(),
        used: 0,
        code: Vec::new(),
        constants: Vec::new(),
        uses: uses(graph, node),
        conditions: Vec::new(),
        deferred: HashMap::new(),
    };
    for (value, scalar) in &scalar_loop.constants {
        let register = builder.define(*value)?;
        builder.constants.push((register, bits(*scalar)));
    }
    let mut inputs = Vec::new();
    let counted = usize::from(node.attrs.keep);
    for (i, value) in node.operands.iter().enumerate() {
        // A carried tensor's memory is that of the loop's result.
        let result = i.checked_sub(counted).and_then(|i| node.results.get(i));
        inputs.push(match result.and_then(|r| builder.cells(*r)) {
            Some(slot) => Place::Tensor(slot),
            None => builder.input(*value)?,
        });
    }
    for value in &scalar_loop.outside {
        inputs.push(builder.input(*value)?);
    }
    builder.repeat(node)?;
    let outputs = node.results.iter().map(|v| builder.place(*v)).collect::<Option<_>>()?;
    let program = Program {
        code: builder.code,
        constants: builder.constants,
        inputs,
        tensors: scalar_loop.slots.tensors.clone(),
        outputs,
        native: native::find_scalar(&form(graph, node, &scalar_loop)),
    };
    Some((program, scalar_loop.outside))
}

/// How often each value is read in the loop's regions.
fn uses(graph: &Graph, node: &Node) -> HashMap<ValueId, usize> {
    let mut uses = HashMap::new();
    for region in &node.regions {
        graph.visit_regions(*region, &mut |r| {
            let mut count = |v: &ValueId| *uses.entry(*v).or_default() += 1;
            graph.regions[r].results.iter().for_each(&mut count);
            graph.regions[r].nodes.iter().for_each(|n| graph.nodes[*n].operands.iter().for_each(&mut count));
        });
    }
    uses
}

struct Builder<'a> {
    graph: &'a Graph,
    of: &'a ScalarLoop,
    registers: HashMap<ValueId, u8>,
    used: usize,
    code: Vec<Instr>,
    constants: Vec<(u8, u64)>,
    uses: HashMap<ValueId, usize>,
    /// Regions whose value only a jump reads.
    conditions: Vec<RegionId>,
    /// Conditions whose code is part of the jump that reads them.
    deferred: HashMap<ValueId, &'a Node>,
}

impl<'a> Builder<'a> {
    fn fresh(&mut self) -> Option<u8> {
        self.used += 1;
        (self.used <= REGISTERS).then(|| (self.used - 1) as u8)
    }

    fn define(&mut self, value: ValueId) -> Option<u8> {
        let register = self.fresh()?;
        self.registers.insert(value, register);
        Some(register)
    }

    fn dtype(&self, value: ValueId) -> Option<DType> {
        match self.graph.ty(value) {
            Type::Scalar(d) => Some(*d),
            _ => None,
        }
    }

    fn input(&mut self, value: ValueId) -> Option<Place> {
        if self.registers.contains_key(&value) {
            // An operand that stands twice is read once.
            return Some(Place::Nowhere);
        }
        match self.graph.ty(value) {
            Type::Scalar(d) => {
                let register = self.define(value)?;
                Some(Place::Register(register, *d))
            }
            Type::Tensor(..) => {
                Some(self.of.slots.of.get(&value).map_or(Place::Nowhere, |s| Place::Tensor(*s)))
            }
            _ => None,
        }
    }

    fn place(&self, value: ValueId) -> Option<Place> {
        match self.graph.ty(value) {
            Type::Scalar(d) => Some(Place::Register(*self.registers.get(&value)?, *d)),
            _ => Some(Place::Tensor(*self.of.slots.of.get(&value)?)),
        }
    }

    fn register(&self, value: ValueId) -> Option<u8> {
        self.registers.get(&value).copied()
    }

    fn cells(&self, value: ValueId) -> Option<u8> {
        self.of.slots.of.get(&value).copied()
    }

    fn here(&self) -> u32 {
        self.code.len() as u32
    }

    fn region(&mut self, region: RegionId) -> Option<()> {
        let graph = self.graph;
        for (at, id) in graph.regions[region].nodes.iter().enumerate() {
            let node = &graph.nodes[*id];
            if self.is_condition(node, region, at) {
                self.conditions.extend(&node.regions);
                self.deferred.insert(node.results[0], node);
            } else {
                self.node(node)?;
            }
        }
        Some(())
    }

    fn node(&mut self, node: &'a Node) -> Option<()> {
        match node.op {
            Op::If => self.branch(node),
            Op::Loop => self.repeat(node),
            // Those that are read have registers.
            Op::Const => Some(()),
            Op::Undef => self.dtype(node.results[0]).and_then(|_| self.define(node.results[0])).map(|_| ()),
            Op::Assert => {
                let a = self.register(node.operands[0])?;
                self.code.push(Instr::Assert(a));
                Some(())
            }
            Op::Index => self.read(node),
            Op::SetIndex => self.write(node),
            Op::Item if self.graph.ty(node.operands[0]).is_tensor() => self.read(node),
            Op::Dim | Op::Len => {
                let cells = self.cells(node.operands[0])?;
                let to = self.define(node.results[0])?;
                self.code.push(match (node.op, node.attrs.axes.as_deref()) {
                    (Op::Dim, Some([axis, ..])) => Instr::Dim { to, cells, axis: *axis },
                    _ => Instr::Len { to, cells },
                });
                Some(())
            }
            op if op.is_elementwise() || matches!(op, Op::Host | Op::Powi) => self.scalar(node),
            _ => None,
        }
    }

    fn scalar(&mut self, node: &Node) -> Option<()> {
        let mut args: SmallVec<[(u8, DType); 3]> = SmallVec::new();
        for v in &node.operands {
            args.push((self.register(*v)?, self.dtype(*v)?));
        }
        let result = self.dtype(node.results[0])?;
        let to = self.define(node.results[0])?;
        let instr = match args[..] {
            [(a, d)] => unary(node.op, d, result).map(|f| Instr::Unary { f, to, a }),
            [(a, d), (b, e)] if d == e => match (node.op, d) {
                (Op::Add, DType::I64) => Some(Instr::AddI64 { to, a, b }),
                (Op::Sub, DType::I64) => Some(Instr::SubI64 { to, a, b }),
                (Op::Mul, DType::I64) => Some(Instr::MulI64 { to, a, b }),
                (Op::Add, DType::Usize) => Some(Instr::AddUsize { to, a, b }),
                (Op::Add, DType::F32) => Some(Instr::AddF32 { to, a, b }),
                (Op::Mul, DType::F32) => Some(Instr::MulF32 { to, a, b }),
                (Op::Add, DType::F64) => Some(Instr::AddF64 { to, a, b }),
                (Op::Mul, DType::F64) => Some(Instr::MulF64 { to, a, b }),
                (Op::Sub, DType::Usize) => Some(Instr::SubUsize { to, a, b }),
                (Op::Powi, _) => None,
                (Op::Host, _) => {
                    let name = node.attrs.text.as_deref().unwrap_or_default();
                    function(name, d).map(|f| Instr::Binary { f, to, a, b })
                }
                _ => binary(node.op, d).map(|f| Instr::Binary { f, to, a, b }),
            },
            _ => None,
        };
        let other = || Instr::Other(Box::new(Other { op: node.op, attrs: node.attrs.clone(), args, to }));
        self.code.push(instr.unwrap_or_else(other));
        Some(())
    }

    fn positions(&self, values: &[ValueId]) -> Option<Vec<u8>> {
        values.iter().map(|v| self.register(*v)).collect()
    }

    fn read(&mut self, node: &Node) -> Option<()> {
        let cells = self.cells(node.operands[0])?;
        let at = self.positions(&node.operands[1..])?;
        let to = self.define(node.results[0])?;
        let before = match (&at[..], self.code.last()) {
            ([i], Some(Instr::SubUsize { to, a, b })) if to == i && self.constants.contains(&(*b, 1)) => {
                (self.uses.get(&node.operands[1]) == Some(&1)).then_some(*a)
            }
            _ => None,
        };
        if let Some(i) = before {
            self.code.pop();
            self.code.push(Instr::ReadBefore { to, cells, i });
            return Some(());
        }
        self.code.push(match at[..] {
            [i] => Instr::Read1 { to, cells, i },
            [i, j] => Instr::Read2 { to, cells, i, j },
            _ => Instr::Read { to, cells, at: Box::new(at) },
        });
        Some(())
    }

    fn write(&mut self, node: &Node) -> Option<()> {
        let cells = self.cells(node.operands[0])?;
        let (value, places) = node.operands[1..].split_last()?;
        let at = self.positions(places)?;
        let value = self.register(*value)?;
        self.code.push(match at[..] {
            [i] => Instr::Write1 { cells, i, value },
            [i, j] => Instr::Write2 { cells, i, j, value },
            _ => Instr::Write { cells, at: Box::new(at), value },
        });
        Some(())
    }

    /// Jumps that are taken if a value is false; the places where their target is written.
    fn unless(&mut self, condition: ValueId) -> Option<Vec<usize>> {
        if let Some(node) = self.deferred.remove(&condition) {
            return self.short_circuit(node);
        }
        let a = self.register(condition)?;
        let once = self.uses.get(&condition) == Some(&1) && !self.is_landed(0);
        // A comparison that nobody else reads becomes part of the jump, unless the value comes from elsewhere, too.
        let fused = match self.code.last() {
            Some(Instr::Binary { f, to, a: x, b }) if once && *to == a => Some((*f, *x, *b)),
            _ => None,
        };
        match fused {
            Some((f, a, b)) => {
                self.code.pop();
                let is = |op, d| binary(op, d).is_some_and(|g| std::ptr::fn_addr_eq(f, g));
                self.code.push(if is(Op::Lt, DType::I64) {
                    Instr::UnlessLtI64 { a, b, to: 0 }
                } else if is(Op::Eq, DType::I64) {
                    Instr::UnlessEqI64 { a, b, to: 0 }
                } else if is(Op::Gt, DType::Usize) {
                    Instr::UnlessGtUsize { a, b, to: 0 }
                } else if is(Op::Gt, DType::F32) {
                    Instr::UnlessGtF32 { a, b, to: 0 }
                } else {
                    Instr::UnlessBinary { f, a, b, to: 0 }
                });
            }
            None => self.code.push(Instr::Unless { a, to: 0 }),
        }
        Some(vec![self.code.len() - 1])
    }

    /// The jumps of `a && b` and `a || b`, without a value for the whole.
    fn short_circuit(&mut self, node: &'a Node) -> Option<Vec<usize>> {
        let graph = self.graph;
        let [then, other] = [&graph.regions[node.regions[0]], &graph.regions[node.regions[1]]];
        let mut leaves = Vec::new();
        let skip = self.unless(node.operands[0])?;
        self.region(node.regions[0])?;
        let holds = self.is_known(then.results[0], true);
        if !holds {
            leaves.extend(self.unless(then.results[0])?);
        }
        if self.is_known(other.results[0], false)
            && other.nodes.iter().all(|n| graph.nodes[*n].op == Op::Const)
        {
            leaves.extend(skip);
            return Some(leaves);
        }
        self.code.push(Instr::Jump(0));
        let end = self.code.len() - 1;
        self.land(skip);
        self.region(node.regions[1])?;
        leaves.extend(self.unless(other.results[0])?);
        self.land(vec![end]);
        Some(leaves)
    }

    /// Whether an `if` gives one bool that only a jump right behind it reads.
    fn is_condition(&self, node: &Node, region: RegionId, at: usize) -> bool {
        let graph = self.graph;
        let [result] = node.results[..] else { return false };
        if node.op != Op::If || self.dtype(result) != Some(DType::Bool) || self.uses.get(&result) != Some(&1)
        {
            return false;
        }
        let rest = &graph.regions[region].nodes[at + 1..];
        match rest.iter().map(|n| &graph.nodes[*n]).find(|n| n.op != Op::Const) {
            Some(next) => next.op == Op::If && next.operands[0] == result,
            // The value of a region that is a condition itself, see `conditions`.
            None => self.conditions.contains(&region) && graph.regions[region].results == [result],
        }
    }

    /// Whether a jump in the code from `start` on leads to what comes next.
    fn is_landed(&mut self, start: usize) -> bool {
        let here = self.here();
        self.code[start..].iter_mut().any(|instr| instr.target().is_some_and(|to| *to == here))
    }

    fn land(&mut self, jumps: Vec<usize>) {
        let here = self.here();
        for jump in jumps {
            if let Some(to) = self.code[jump].target() {
                *to = here;
            }
        }
    }

    fn branch(&mut self, node: &'a Node) -> Option<()> {
        let graph = self.graph;
        for result in &node.results {
            if self.dtype(*result).is_some() {
                self.define(*result)?;
            }
        }
        let skip = self.unless(node.operands[0])?;
        self.side(node, 0)?;
        // An empty other side needs no jump over it.
        let other = &graph.regions[node.regions[1]];
        if other.nodes.is_empty() && self.moves(node, 1)?.is_empty() {
            self.land(skip);
            return Some(());
        }
        self.code.push(Instr::Jump(0));
        let end = self.code.len() - 1;
        self.land(skip);
        self.side(node, 1)?;
        self.land(vec![end]);
        Some(())
    }

    fn side(&mut self, node: &'a Node, side: usize) -> Option<()> {
        let (start, used) = (self.code.len(), self.used);
        self.region(node.regions[side])?;
        let moves = self.moves(node, side)?;
        let moves = self.coalesced(moves, start, used);
        self.parallel(moves)
    }

    /// The moves that end a side of an `if`.
    fn moves(&self, node: &Node, side: usize) -> Option<Vec<(u8, u8)>> {
        let mut moves = Vec::new();
        for (value, result) in self.graph.regions[node.regions[side]].results.iter().zip(&node.results) {
            if self.dtype(*result).is_some() {
                moves.push((self.register(*result)?, self.register(*value)?));
            }
        }
        Some(moves)
    }

    /// Moves that happen at once: what a move overwrites and a later one reads is put aside first.
    fn parallel(&mut self, mut moves: Vec<(u8, u8)>) -> Option<()> {
        moves.retain(|(to, from)| to != from);
        for i in 0..moves.len() {
            let (to, _) = moves[i];
            if moves[i + 1..].iter().any(|(_, from)| *from == to) {
                let aside = self.fresh()?;
                self.code.push(Instr::Move { to: aside, from: to });
                moves[i + 1..].iter_mut().filter(|(_, from)| *from == to).for_each(|m| m.1 = aside);
            }
        }
        self.code.extend(moves.into_iter().map(|(to, from)| Instr::Move { to, from }));
        Some(())
    }

    fn repeat(&mut self, node: &'a Node) -> Option<()> {
        let graph = self.graph;
        let counted = usize::from(node.attrs.keep);
        let [condition, body] = [&graph.regions[node.regions[0]], &graph.regions[node.regions[1]]];
        let mut starts = Vec::new();
        // A carried value has one register: before, in and after the loop.
        let mut carried = Vec::new();
        for (i, result) in node.results.iter().enumerate() {
            if self.dtype(*result).is_none() {
                continue;
            }
            let register = self.define(*result)?;
            for arg in [condition.args[i], body.args[i + counted]] {
                self.registers.insert(arg, register);
            }
            starts.push((register, self.register(node.operands[i + counted])?));
            carried.push((register, body.results[i]));
        }
        self.parallel(starts)?;
        let mut leaves = Vec::new();
        let mut position = None;
        if counted == 1 {
            let index = self.define(body.args[0])?;
            let zero = self.fresh()?;
            self.constants.push((zero, 0));
            self.code.push(Instr::Move { to: index, from: zero });
            position = Some((index, self.register(node.operands[0])?));
        }
        let top = self.here();
        if let Some((index, count)) = position {
            self.code.push(Instr::Done { a: index, b: count, to: 0 });
            leaves.push(self.code.len() - 1);
        }
        self.conditions.push(node.regions[0]);
        self.region(node.regions[0])?;
        if !self.is_known(condition.results[0], true) {
            leaves.extend(self.unless(condition.results[0])?);
        }
        let (start, used) = (self.code.len(), self.used);
        self.region(node.regions[1])?;
        let moves = carried
            .iter()
            .map(|(to, from)| Some((*to, self.register(*from)?)))
            .collect::<Option<Vec<_>>>()?;
        let moves = self.coalesced(moves, start, used);
        self.parallel(moves)?;
        match position {
            // The position is asked for by the jump back.
            Some((a, b)) => self.code.push(Instr::Again { a, b, to: top + 1 }),
            None => leaves.extend(self.jump_back(node.regions[0], top, start as u32)?),
        }
        self.land(leaves);
        Some(())
    }

    /// The end of a `while`: its condition once more, so that a trip takes one jump. Gives the jumps that leave.
    fn jump_back(&mut self, condition: RegionId, top: u32, body: u32) -> Option<Vec<usize>> {
        let graph = self.graph;
        let value = graph.regions[condition].results[0];
        let loops = graph.regions[condition].nodes.iter().any(|n| graph.nodes[*n].op == Op::Loop);
        if self.is_known(value, true) || loops {
            self.code.push(Instr::Jump(top));
            return Some(Vec::new());
        }
        let start = self.code.len();
        self.region(condition)?;
        let mut leaves = self.unless(value)?;
        let last = leaves.pop()?;
        // The left side of `a || b` jumps here if it holds: there the body begins again.
        let landed = self.is_landed(start);
        let back = match self.code[last] {
            _ if landed || last + 1 != self.code.len() => None,
            Instr::Unless { a, .. } => Some(Instr::When { a, to: body }),
            Instr::UnlessGtF32 { a, b, .. } => Some(Instr::WhenGtF32 { a, b, to: body }),
            Instr::UnlessBinary { f, a, b, .. } => Some(Instr::WhenBinary { f, a, b, to: body }),
            Instr::UnlessLtI64 { a, b, .. } => {
                binary(Op::Lt, DType::I64).map(|f| Instr::WhenBinary { f, a, b, to: body })
            }
            _ => None,
        };
        match back {
            Some(back) => self.code[last] = back,
            None => {
                leaves.push(last);
                self.code.push(Instr::Jump(body));
            }
        }
        Some(leaves)
    }

    /// Lets the code from `start` on write a move's target at once, where nobody reads the target's old value
    /// after that; gives the moves that are left. Registers from `used` on belong to that code.
    fn coalesced(&mut self, moves: Vec<(u8, u8)>, start: usize, used: usize) -> Vec<(u8, u8)> {
        let mut left = Vec::new();
        for (i, (to, from)) in moves.iter().copied().enumerate() {
            let others = moves.iter().enumerate().filter(|(k, _)| *k != i);
            let shared = others.into_iter().any(|(_, (_, f))| *f == from || *f == to);
            let own = usize::from(from) >= used && !self.constants.iter().any(|(r, _)| *r == from);
            if shared || !own || !self.may_replace(from, to, start) {
                left.push((to, from));
                continue;
            }
            for instr in &mut self.code[start..] {
                instr.registers(&mut |r, _| {
                    if *r == from {
                        *r = to;
                    }
                });
            }
        }
        left
    }

    /// Whether `to` is neither read nor written where `from` has been written.
    fn may_replace(&mut self, from: u8, to: u8, start: usize) -> bool {
        let mut pending = Vec::new();
        for (at, instr) in self.code.iter_mut().enumerate().skip(start) {
            instr.registers(&mut |r, writes| {
                if writes && *r == from {
                    pending.push(at + 1);
                }
            });
        }
        if pending.is_empty() {
            return false;
        }
        let mut seen = vec![false; self.code.len() + 1];
        while let Some(at) = pending.pop() {
            if at >= self.code.len() || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let mut touched = false;
            self.code[at].registers(&mut |r, _| touched |= *r == to);
            if touched {
                return false;
            }
            if let Some(target) = self.code[at].target() {
                pending.push(*target as usize);
            }
            if !matches!(self.code[at], Instr::Jump(_)) {
                pending.push(at + 1);
            }
        }
        true
    }

    fn is_known(&self, value: ValueId, wanted: bool) -> bool {
        matches!(self.of.constants.get(&value), Some(Scalar::Bool(b)) if *b == wanted)
    }
}
