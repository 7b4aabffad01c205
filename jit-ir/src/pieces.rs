//! Consecutive members of a group by themselves: where no kernel computes all of a group, some compute parts of it.

use std::ops::Range;

use crate::form::{Arg, Form, Input, LONGEST, Member, Part};

impl Form {
    /// Consecutive members by themselves. What they read of others is a tensor.
    pub fn range(&self, range: Range<usize>) -> Part {
        let members: Vec<usize> = range.clone().collect();
        let read_outside = |k: usize| {
            let others = self.members[..range.start].iter().chain(&self.members[range.end..]);
            others.flat_map(|m| &m.args).any(|arg| *arg == Arg::Member(k))
        };
        let input = |arg: Arg| match arg {
            Arg::Input(i) => self.inputs[i],
            Arg::Member(k) => Input { dtype: self.members[k].to, scalar: false },
        };
        self.part(&members, &|k| self.outputs.contains(&k) || read_outside(k), &input)
    }

    /// The parts of a group for which kernels are written where none is written for the whole: runs of members, each as
    /// long as a kernel may be.
    pub fn pieces(&self) -> Vec<Part> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.members.len() {
            let longest = self.members.len().min(at + LONGEST);
            // A longer run may have fewer results than a short one.
            let run = (at + 1..=longest).rev().find(|end| self.may_run(at..*end));
            let end = run.unwrap_or(at + 1);
            let part = self.range(at..end);
            if run.is_some() && part.form.is_worth_a_kernel() {
                found.push(part);
            }
            at = end;
        }
        found
    }

    fn may_run(&self, range: Range<usize>) -> bool {
        let mut members = self.members[range.clone()].iter();
        members.all(Member::has_code) && self.range(range).form.obstacle().is_none()
    }

    /// Whether a kernel saves something beside the instructions of tiles, which are up to two ops each.
    fn is_worth_a_kernel(&self) -> bool {
        self.members.len() > 2 || (self.members.len() == 2 && self.waits())
    }
}
