//! How a group with reductions runs, row by row: in stages, between which values are reduced. In a stage the elementwise
//! members of which there is one value for each row form one part, those with a value for each element another one.

use crate::form::{Arg, Form, Input, Member, Part};
use crate::ops::{Op, rows};
use crate::types::DType;

/// The form of the part of `logsumexp` that says what is subtracted before exp, `T` for the element type.
pub const SHIFT: &str = "T[] T; is_finite i0; is_nan i0; or m0 m1; select m2 i0 i1 -> 3";
/// The form of the part after it.
pub const EXPS: &str = "T[] T; sub i0 i1; exp m0 -> 1";

/// Forms of parts for which the runtime has kernels of its own, `T` for the element type: those of the ops that are made of
/// reductions.
const BUILT_IN: [&str; 16] = [
    SHIFT,
    EXPS,
    "T[]; recip i0 -> 0",
    "T[] T; mul i0 i1 -> 0",
    "T[] T[]; ln i0; add m0 i1 -> 1",
    "T[]; ln i0 -> 0",
    "T[] T[]; sub i0 i1 -> 0",
    "T[] T[]; ln i0; sub m0 i1 -> 1",
    "T[] T T; sub i0 i1; sub m0 i2 -> 1",
    "T[] T; sub i0 i1 -> 0",
    "T[] T; sub i0 i1; mul m0 m0 -> 1",
    "T[] T; sub i0 i1; square m0 -> 1",
    "T[]; square i0 -> 0",
    "T[] T; add i0 i1; rsqrt m0 -> 1",
    "T[] T T T[] T[]; sub i0 i1; mul m0 i2; mul m1 i3; add m2 i4 -> 3",
    "T[] T T[]; mul i0 i1; mul m0 i2 -> 1",
];

/// Whether the runtime has a kernel of its own for the form with this text.
pub fn is_built_in(form: &str) -> bool {
    ["f32", "f64"].iter().any(|dtype| BUILT_IN.contains(&form.replace(dtype, "T").as_str()))
}

/// How many values a member has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// One for each row.
    Row,
    /// One for each element.
    Full,
}

/// A group with reductions, and how many values its members have.
pub struct Stages<'a> {
    form: &'a Form,
    levels: &'a [Level],
    /// For each member the stage in which it runs.
    stages: Vec<usize>,
    /// Members that later stages compute again: a cheap op costs less than its value's way through memory.
    again: Vec<bool>,
}

impl<'a> Stages<'a> {
    /// The stages of a group.
    pub fn new(form: &'a Form, levels: &'a [Level]) -> Stages<'a> {
        let mut stages: Vec<usize> = Vec::with_capacity(form.members.len());
        for m in &form.members {
            let ready = |arg: &Arg| match arg {
                Arg::Input(_) => 0,
                Arg::Member(k) => stages[*k] + usize::from(rows::is_fold(form.members[*k].op)),
            };
            stages.push(m.args.iter().map(ready).max().unwrap_or(0));
        }
        let mut made = Stages { form, levels, stages, again: vec![false; form.members.len()] };
        made.again = (0..form.members.len()).map(|k| made.is_cheap(k)).collect();
        made
    }

    /// The levels if tensors have a value for each element, and only what is reduced has one for each row. At build time no
    /// more is known.
    pub fn guess(form: &Form) -> Vec<Level> {
        let mut levels: Vec<Level> = Vec::with_capacity(form.members.len());
        for m in &form.members {
            let full = |arg: &Arg| match arg {
                Arg::Input(i) => !form.inputs[*i].scalar,
                Arg::Member(k) => levels[*k] == Level::Full,
            };
            let row = rows::is_fold(m.op) || !m.args.iter().any(full);
            levels.push(if row { Level::Row } else { Level::Full });
        }
        levels
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.stages.iter().max().map_or(0, |last| last + 1)
    }

    /// The stage of a member.
    pub fn of(&self, k: usize) -> usize {
        self.stages[k]
    }

    /// Whether later stages may compute a member's value again.
    fn is_cheap(&self, k: usize) -> bool {
        let m = &self.form.members[k];
        let outside = |a: &Arg| match a {
            Arg::Input(_) => true,
            Arg::Member(j) => self.levels[*j] == Level::Row,
        };
        let folded = |j: &Member| rows::is_fold(j.op) && j.args.contains(&Arg::Member(k));
        matches!(m.op, Op::Add | Op::Sub | Op::Mul)
            && self.levels[k] == Level::Full
            && m.args.iter().all(outside)
            && !self.form.outputs.contains(&k)
            && !self.form.members.iter().any(folded)
    }

    fn is_fold(&self, k: usize) -> bool {
        rows::is_fold(self.form.members[k].op)
    }

    /// Whether a member's value is read outside of the part that makes it, and whether in a later stage.
    pub fn readers(&self, k: usize) -> (bool, bool) {
        let mut seen = (false, false);
        let reads = |m: &Member| m.args.contains(&Arg::Member(k));
        for (j, m) in self.form.members.iter().enumerate().filter(|(_, m)| reads(m)) {
            let later = self.stages[j] > self.stages[k] && !self.again[k];
            let beside = later || rows::is_fold(m.op) || self.levels[j] != self.levels[k];
            seen = (seen.0 | beside, seen.1 | later);
        }
        seen
    }

    /// Whether a member's value is kept: it is a result, or read outside of the part that makes it.
    pub fn is_kept(&self, k: usize) -> bool {
        self.form.outputs.contains(&k) || self.readers(k).0 || self.is_fold(k)
    }

    fn dtype(&self, arg: Arg) -> DType {
        match arg {
            Arg::Input(i) => self.form.inputs[i].dtype,
            Arg::Member(k) => self.form.members[k].to,
        }
    }

    fn input(&self, arg: Arg, level: Level) -> Input {
        let scalar = match arg {
            Arg::Input(i) => self.form.inputs[i].scalar,
            Arg::Member(k) => level == Level::Full && self.levels[k] == Level::Row,
        };
        Input { dtype: self.dtype(arg), scalar }
    }

    /// Whether a member is computed in a part of this stage and level.
    fn belongs(&self, k: usize, stage: usize, level: Level) -> bool {
        let here = |k: usize| self.stages[k] == stage && self.levels[k] == level && !self.is_fold(k);
        let read = |(j, m): (usize, &Member)| here(j) && m.args.contains(&Arg::Member(k));
        if self.again[k] { self.form.members.iter().enumerate().any(read) } else { here(k) }
    }

    /// The elementwise members of a stage and a level, if values of theirs are kept; in a part over elements a value of
    /// the row is a scalar.
    pub fn part(&self, stage: usize, level: Level) -> Option<Part> {
        let members: Vec<usize> =
            (0..self.form.members.len()).filter(|k| self.belongs(*k, stage, level)).collect();
        let part = self.form.part(&members, &|k| self.is_kept(k), &|arg| self.input(arg, level));
        (!part.given.is_empty()).then_some(part)
    }

    /// All parts, in order.
    pub fn parts(&self) -> Vec<Part> {
        let both = |stage| [Level::Row, Level::Full].map(|level| self.part(stage, level));
        (0..self.count()).flat_map(both).flatten().collect()
    }
}
