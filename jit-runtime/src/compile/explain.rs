//! What was compiled, and why, in words.

use std::fmt::Write;

use jit_ir::Type;

use super::Compiled;
use super::memory::Memory;
use super::plan::{Block, Kind};

/// The passes, the optimised graph, the steps and the memory that they take for arguments of these types, sizes and all.
pub(crate) fn explain(compiled: &Compiled, arguments: &[Type]) -> String {
    let mut out = String::new();
    let micros = compiled.time.as_secs_f64() * 1e6;
    let _ = writeln!(out, "{}: compiled in {micros:.0} us", compiled.graph.name);
    if compiled.renewals > 0 {
        let n = compiled.renewals;
        let _ = writeln!(
            out,
            "made anew for the {n}. time: a traced function that it calls has other recordings"
        );
    }
    let passes: Vec<String> = compiled.passes.iter().map(|(name, n)| format!("{name} {n}")).collect();
    let _ = writeln!(
        out,
        "passes (changes): {}; {} nodes became {}",
        passes.join(", "),
        compiled.source.node_count(),
        compiled.graph.node_count()
    );
    let _ = write!(out, "{}", compiled.graph);
    let _ = writeln!(out, "steps:");
    block(&mut out, &compiled.plan.body, 1);
    let _ = writeln!(out, "{}", Memory::of(&compiled.graph, arguments));
    out
}

fn block(out: &mut String, steps: &Block, depth: usize) {
    let pad = "  ".repeat(depth);
    for step in &steps.steps {
        let at = step.at.as_ref().map_or(String::new(), |at| format!("  ({at})"));
        match &step.kind {
            Kind::Group(group) => {
                let why = group.missed().map_or(String::new(), |why| format!("; {why}"));
                let _ = writeln!(out, "{pad}{}{at}{why}", group.words());
            }
            Kind::Rows(group) => {
                let ops: Vec<&str> = group.form.members.iter().map(|m| m.op.name()).collect();
                let (how, why) = match group.missed() {
                    _ if group.is_known() => ("one kernel that does a row in one go", String::new()),
                    None => ("native kernels", String::new()),
                    Some(why) => ("one kernel", format!("; a part has no native kernel: {why}")),
                };
                let _ = writeln!(out, "{pad}{how}, row by row: {}{at}{why}", ops.join(" "));
            }
            Kind::Host(_) => {
                let _ = writeln!(out, "{pad}{} on host scalars{at}", step.op.name());
            }
            Kind::Chain(chain) => {
                let _ = writeln!(
                    out,
                    "{pad}in one go where it is about one row, some rows at a time where there are many:"
                );
                block(out, &chain.steps, depth + 1);
            }
            Kind::Product(_) => {
                let _ = writeln!(out, "{pad}{} of slices, for many trips at once{at}", step.op.name());
            }
            Kind::Total(..) => {
                let _ =
                    writeln!(out, "{pad}{}: a reduction whose value goes to the host{at}", step.op.name());
            }
            Kind::If(arms) => {
                let _ = writeln!(out, "{pad}if{at}");
                block(out, &arms[0], depth + 1);
                let _ = writeln!(out, "{pad}else");
                block(out, &arms[1], depth + 1);
            }
            Kind::Loop(plan) => {
                let tiles = match &plan.tiles {
                    Some(tiles) if tiles.native.is_some() => ", all trips in one native kernel",
                    Some(_) => ", all trips tile by tile",
                    None if plan.asked.is_some() => ", all trips in one native kernel",
                    None => "",
                };
                let missed = plan.missed.as_ref();
                let why =
                    missed.map_or(String::new(), |why| format!("; no kernel with its trips inside: {why}"));
                let _ = writeln!(out, "{pad}loop of {} carried values{tiles}{at}{why}", plan.carried.len());
                block(out, &plan.condition, depth + 1);
                let _ = writeln!(out, "{pad}do");
                block(out, &plan.body, depth + 1);
            }
            Kind::Program(program) => {
                let what = match program.native {
                    Some(_) => "a native loop of scalar code".to_string(),
                    None => format!(
                        "a register program of {} instructions (no native code of its form)",
                        program.code.len()
                    ),
                };
                let _ = writeln!(out, "{pad}{what}, elements in place{at}");
            }
            Kind::Call(step, _) => {
                let (name, why) = (step.name(), step.why_called());
                let _ = writeln!(out, "{pad}a call of the traced `{name}`: {why}{at}");
            }
            _ => {
                let why = match step.op.info().class {
                    jit_ir::ops::Class::Reduce => ": a reduction is a step of its own",
                    jit_ir::ops::Class::Combine => ": runs by its own kernel",
                    jit_ir::ops::Class::Shape => ": a view or a copy",
                    _ => "",
                };
                let _ = writeln!(out, "{pad}{}{why}{at}", step.op.name());
            }
        }
    }
}
