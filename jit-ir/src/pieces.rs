//! Consecutive members of a group by themselves: where no kernel computes all of a group, some compute parts of it.

use std::ops::Range;

use crate::form::{Arg, Form, Input, LONGEST, Part};

/// A group whose members are taken a run at a time.
pub struct Runs<'a> {
    form: &'a Form,
    /// For each member the end of the run up to its last reader; a result is read behind all.
    read_until: Vec<usize>,
}

impl<'a> Runs<'a> {
    /// The runs of a group.
    pub fn new(form: &'a Form) -> Runs<'a> {
        let mut read_until = vec![0; form.members.len()];
        for (j, m) in form.members.iter().enumerate() {
            for arg in &m.args {
                if let Arg::Member(k) = arg {
                    read_until[*k] = j + 1;
                }
            }
        }
        form.outputs.iter().for_each(|k| read_until[*k] = usize::MAX);
        Runs { form, read_until }
    }

    /// The members of a run by themselves. What they read of others is a tensor.
    pub fn part(&self, run: Range<usize>) -> Part {
        let members: Vec<usize> = run.clone().collect();
        let input = |arg: Arg| match arg {
            Arg::Input(i) => self.form.inputs[i],
            Arg::Member(k) => Input { dtype: self.form.members[k].to, scalar: false },
        };
        self.form.part(&members, &|k| self.read_until[k] > run.end, &input)
    }

    /// The longest run from a member on for which a kernel may be written.
    fn longest(&self, start: usize) -> Option<Part> {
        let members = self.form.members[start..].iter().take(LONGEST);
        let most = members.take_while(|m| m.has_code()).count();
        // A longer run may have fewer results than a short one.
        let mut parts = (1..=most).rev().map(|count| self.part(start..start + count));
        parts.find(|part| part.form.obstacle().is_none())
    }
}

impl Form {
    /// The parts of a group for which kernels are written where none is written for the whole: runs of members, each as
    /// long as a kernel may be.
    pub fn pieces(&self) -> Vec<Form> {
        let runs = Runs::new(self);
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.members.len() {
            let piece = runs.longest(at).map(|part| part.form);
            at += piece.as_ref().map_or(1, |form| form.members.len());
            found.extend(piece.filter(Form::is_worth_a_kernel));
        }
        found
    }

    /// Whether a kernel saves something beside the instructions of tiles, which are up to two ops each.
    fn is_worth_a_kernel(&self) -> bool {
        self.members.len() > 2 || (self.members.len() == 2 && self.waits())
    }
}
