//! From the members of a group to the instructions of its program.

use jit_ir::form::{Arg, Form};
use smallvec::SmallVec;

use super::group::single;
use crate::kernels::native;
use crate::kernels::table::{self, Kernel};
use crate::kernels::tile::{Instruction, Piece, Place, Program, Step};

/// Members to instructions: one each, or one for two where a member is the only use of another; pieces are native kernels
/// for some members in a row.
pub(super) struct Builder<'a> {
    form: &'a Form,
    /// Members that a kernel computes, in their order.
    pieces: Vec<native::Piece>,
    program: Program,
    /// Where each member's value lies.
    places: Vec<Option<Place>>,
    /// The last member that reads each member's value.
    last_use: Vec<usize>,
    uses: Vec<usize>,
    free: Vec<(usize, u16)>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(form: &'a Form, mut pieces: Vec<native::Piece>) -> Self {
        let Form { members, inputs, outputs } = form;
        let mut last_use = vec![0; members.len()];
        let mut uses = vec![0; members.len()];
        let needed = needed(form, &pieces);
        pieces.retain(|piece| needed[piece.range.start]);
        for (k, m) in members.iter().enumerate().filter(|(k, _)| needed[*k]) {
            for arg in &m.args {
                if let Arg::Member(j) = arg {
                    last_use[*j] = k;
                    uses[*j] += 1;
                }
            }
        }
        outputs.iter().for_each(|k| uses[*k] += 2);
        for (k, needed) in needed.iter().enumerate() {
            if !needed {
                uses[k] = 0;
            }
        }
        let program =
            Program { inputs: inputs.iter().map(|i| i.dtype.size()).collect(), ..Program::default() };
        let places = vec![None; members.len()];
        Builder { form, pieces, program, places, last_use, uses, free: Vec::new() }
    }

    pub(super) fn build(mut self) -> Result<Program, String> {
        let (members, pieces) = (&self.form.members, std::mem::take(&mut self.pieces));
        self.program.outputs = self.form.results().map(|dtype| dtype.size()).collect();
        let mut paired = vec![None; members.len()];
        let mut taken = vec![false; members.len()];
        pieces.iter().for_each(|piece| taken[piece.range.clone()].fill(true));
        for k in 0..members.len() {
            if self.uses[k] > 0
                && !taken[k]
                && let Some((j, kernel, args)) = self.pair(k, &taken)
            {
                paired[k] = Some((kernel, args));
                taken[j] = true;
                taken[k] = true;
                // The operands of the first op are read when the second one runs.
                for arg in &members[j].args {
                    if let Arg::Member(i) = arg {
                        self.last_use[*i] = self.last_use[*i].max(k);
                    }
                }
                self.uses[j] = 0;
            }
        }
        let mut pieces = pieces.into_iter().peekable();
        for (k, pair) in paired.into_iter().enumerate() {
            if let Some(piece) = pieces.next_if(|piece| piece.range.end == k + 1) {
                self.piece(piece);
                continue;
            }
            if self.uses[k] == 0 || pieces.peek().is_some_and(|piece| piece.range.contains(&k)) {
                continue;
            }
            let m = &members[k];
            let (kernel, args) = match pair {
                Some(pair) => pair,
                None => (single(m)?, SmallVec::from_slice(&m.args)),
            };
            let mut from = [Place::Tile(0); 3];
            for (slot, arg) in from.iter_mut().zip(&args) {
                *slot = self.place(*arg);
            }
            for i in args.len()..3 {
                from[i] = from[0];
            }
            let to = self.target(k);
            self.places[k] = Some(to);
            self.program.code.push(Step::Instruction(Instruction { kernel, to, from }));
            self.release(k, &args);
        }
        Ok(self.program)
    }

    fn piece(&mut self, piece: native::Piece) {
        let native::Piece { range, kernel, inputs, given } = piece;
        let from = inputs.iter().map(|arg| self.place(*arg)).collect();
        let to = given.iter().map(|k| {
            let to = self.target(*k);
            self.places[*k] = Some(to);
            to
        });
        let to = to.collect();
        self.release(range.end - 1, &inputs);
        self.program.code.push(Step::Piece(Box::new(Piece { members: range, kernel, to, from })));
    }

    /// The kernel that does member `k` together with one of its operands that nobody else uses.
    fn pair(&self, k: usize, taken: &[bool]) -> Option<(usize, Kernel, SmallVec<[Arg; 3]>)> {
        let m = &self.form.members[k];
        if m.args.len() != 2 {
            return None;
        }
        for (i, left) in [(0, true), (1, false)] {
            let Arg::Member(j) = m.args[i] else { continue };
            let inner = &self.form.members[j];
            if self.uses[j] != 1 || taken[j] || inner.args.len() != 2 || inner.from != m.from {
                continue;
            }
            if let Some(kernel) = table::pair(inner.op, m.op, left, m.from) {
                return Some((
                    j,
                    kernel,
                    SmallVec::from_slice(&[inner.args[0], inner.args[1], m.args[1 - i]]),
                ));
            }
        }
        None
    }

    fn place(&self, arg: Arg) -> Place {
        match arg {
            Arg::Input(i) => Place::Input(i as u16),
            Arg::Member(k) => self.places[k].unwrap_or(Place::Tile(0)),
        }
    }

    /// Where a member's value goes: an output, or a tile that holds nothing needed.
    fn target(&mut self, k: usize) -> Place {
        if let Some(i) = self.form.outputs.iter().position(|o| *o == k) {
            return Place::Output(i as u16);
        }
        let size = self.form.members[k].to.size();
        if let Some(at) = self.free.iter().position(|(s, _)| *s == size) {
            return Place::Tile(self.free.swap_remove(at).1);
        }
        self.program.tiles.push(size);
        Place::Tile(self.program.tiles.len() as u16 - 1)
    }

    /// Frees the tiles whose values member `k` read last.
    fn release(&mut self, k: usize, args: &[Arg]) {
        for (i, arg) in args.iter().enumerate() {
            if let Arg::Member(j) = arg
                && self.last_use[*j] <= k
                && !args[..i].contains(arg)
                && let Some(Place::Tile(t)) = self.places[*j]
            {
                self.free.push((self.form.members[*j].to.size(), t));
            }
        }
    }
}

/// Which members are computed: what results depend on, and all of a piece of which something is.
fn needed(form: &Form, pieces: &[native::Piece]) -> Vec<bool> {
    let mut needed = vec![false; form.members.len()];
    form.outputs.iter().for_each(|k| needed[*k] = true);
    let mut pieces = pieces.iter().rev().peekable();
    for k in (0..form.members.len()).rev() {
        if let Some(piece) = pieces.next_if(|piece| piece.range.end == k + 1) {
            let whole = &mut needed[piece.range.clone()];
            let some = whole.contains(&true);
            whole.fill(some);
        }
        if needed[k] {
            for arg in &form.members[k].args {
                if let Arg::Member(j) = arg {
                    needed[*j] = true;
                }
            }
        }
    }
    needed
}
