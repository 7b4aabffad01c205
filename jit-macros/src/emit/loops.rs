//! Native kernels of loops over elementwise ops: a few elements go through trips in registers.

use jit_ir::Graph;
use jit_ir::form::Form;
use jit_ir::trips::Trips;
use jit_ir::until::Until;
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use super::PRIVATE;
use super::native::{Written, member, value};

/// A kernel as an item of this name, and its value; `None` if there is no code for it.
type Kernel = Box<dyn Fn(&Ident) -> Option<(TokenStream, TokenStream)>>;

/// The loops of a graph, each with the text of its form.
pub(super) fn all(graph: &Graph) -> Vec<(String, Kernel)> {
    let mut found: Vec<(String, Kernel)> = Vec::new();
    for node in graph.nodes.ids().map(|n| &graph.nodes[n]) {
        if let Some((trips, _)) = Trips::of(graph, node) {
            found.push((trips.to_string(), Box::new(move |name| counted(name, &trips))));
        } else if let Some((until, _)) = Until::of(graph, node) {
            found.push((until.to_string(), Box::new(move |name| asked(name, &until))));
        }
    }
    found
}

/// The parts of a trip, as tokens. Values after a trip have blocks of their own: written in place, what a mask leaves as it
/// is would become a masked store.
#[derive(Default)]
struct Parts {
    /// All elements of what is read and written.
    memory: Vec<TokenStream>,
    /// Reads what some elements need of the blocks.
    loads: Vec<TokenStream>,
    /// The blocks with which the first trip begins.
    first: Vec<TokenStream>,
    /// The values after a trip become those before the next one.
    next: Vec<TokenStream>,
    /// Keeps the values before some trips.
    before: Vec<TokenStream>,
    /// Compares them with those after.
    same: Vec<TokenStream>,
    /// Blocks for the values after a trip.
    blank: Vec<TokenStream>,
    stores: Vec<TokenStream>,
    last: Vec<TokenStream>,
}

fn trips() -> TokenStream {
    quote! { #PRIVATE::native::trips }
}

fn packs() -> TokenStream {
    quote! { #PRIVATE::native::packs }
}

fn blocks() -> TokenStream {
    quote! { #PRIVATE::native::blocks }
}

/// The statement that reads what some elements need of a block.
fn load(name: &Ident) -> TokenStream {
    let packs = packs();
    quote! { let #name = #packs::Pack::one(#name[j]); }
}

impl Parts {
    /// What is read and stays as it is.
    fn fixed(&mut self, form: &Form, i: usize, (name, ty): &(Ident, TokenStream)) {
        let (blocks, all) = (blocks(), format_ident!("all_{name}"));
        if form.inputs[i].scalar {
            let packs = packs();
            return self.memory.push(quote! { let #name = #packs::Pack::one(tile.scalar::<#ty>(#i)); });
        }
        self.loads.push(load(name));
        self.memory.push(quote! { let #all = tile.input::<#ty>(#i); });
        self.first.push(quote! { let #name = *#blocks::part::<#ty, W>(#all, at); });
    }

    /// What becomes the value `output` of the trip.
    fn carried(&mut self, name: &Ident, output: &Ident) {
        self.loads.push(load(name));
        let (native, was) = (trips(), format_ident!("was_{name}"));
        self.next.push(quote! { #name = #output; });
        self.before.push(quote! { let #was = #name; });
        self.same.push(quote! { #native::same(&#was, &#name) });
    }

    fn output(&mut self, (name, ty, member): &(Ident, TokenStream, Ident)) {
        let blocks = blocks();
        self.blank.push(quote! { let mut #name = #blocks::blank::<#ty, W>(); });
        self.stores.push(quote! { #name[j] = #member.value(); });
    }

    /// `left` trips, or fewer if they repeat themselves.
    fn trips(&self, steps: &[TokenStream]) -> TokenStream {
        let (native, Parts { loads, next, before, same, stores, .. }) = (trips(), self);
        quote! {
            while left > 0 {
                #(#before)*
                let some = if left < #native::CHECKED { left } else { #native::CHECKED };
                for _ in 0..some {
                    for j in 0..W {
                        #(#loads)*
                        #(#steps)*
                        #(#stores)*
                    }
                    #(#next)*
                }
                left -= some;
                if true #(&& #same)* {
                    left %= some;
                }
            }
        }
    }
}

/// A counted loop over one group.
fn counted(name: &Ident, of: &Trips) -> Option<(TokenStream, TokenStream)> {
    let Written { inputs, outputs, steps } = Written::of(&of.form)?;
    let (text, wide, mut parts) = (of.to_string(), of.form.is_wide(), Parts::default());
    let (native, blocks) = (trips(), blocks());
    for (i, input) in inputs.iter().enumerate() {
        let Some(k) = of.next[i] else {
            parts.fixed(&of.form, i, input);
            continue;
        };
        let (name, ty) = input;
        let all = format_ident!("all_{name}");
        parts.memory.push(quote! { let #all = tile.input::<#ty>(#i); });
        parts.first.push(quote! { let mut #name = *#blocks::part::<#ty, W>(#all, at); });
        parts.carried(name, &outputs[k].0);
    }
    for (j, output) in outputs.iter().enumerate() {
        let (name, ty, _) = output;
        let all = format_ident!("all_{name}");
        parts.memory.push(quote! { let #all = tile.output::<#ty>(#j); });
        parts.output(output);
        parts.last.push(quote! { *#blocks::part_mut::<#ty, W>(#all, at) = #name; });
    }
    let all_trips = parts.trips(&steps);
    let Parts { memory, first, blank, last, .. } = parts;
    let item = quote! {
        struct #name;
        impl #native::Repeated for #name {
            const FORM: &'static str = #text;
            const WIDE: bool = #wide;
            #[inline(always)]
            #[allow(unused, clippy::all, clippy::pedantic)]
            fn run<const W: usize>(mut tile: #PRIVATE::native::Tile<'_>, trips: usize) {
                #(#memory)*
                for at in (0..tile.len()).step_by(W) {
                    #(#first)*
                    #(#blank)*
                    let mut left = trips;
                    #all_trips
                    #(#last)*
                }
            }
        }
    };
    Some((item, quote! { #PRIVATE::native::Native::trips::<#name>() }))
}

/// A loop that goes on while some element, or all, ask for it.
fn asked(name: &Ident, of: &Until) -> Option<(TokenStream, TokenStream)> {
    let Written { inputs, outputs, steps } = Written::of(&of.form)?;
    let (text, wide, mut parts) = (of.to_string(), of.form.is_wide(), Parts::default());
    let blocks = blocks();
    for (i, input) in inputs.iter().enumerate().filter(|(i, _)| !of.states.contains(&Some(*i))) {
        parts.fixed(&of.form, i, input);
    }
    for (k, output) in outputs.iter().enumerate() {
        let (next, ty, _) = output;
        let name = of.states[k].map_or_else(|| format_ident!("s{k}"), |i| inputs[i].0.clone());
        let all = format_ident!("all_{name}");
        parts.memory.push(quote! { let mut #all = tile.output::<#ty>(#k); });
        parts.first.push(quote! { let mut #name = *#blocks::part::<#ty, W>(#all, at); });
        parts.carried(&name, next);
        parts.output(output);
        parts.last.push(quote! { *#blocks::part_mut::<#ty, W>(#all, at) = #name; });
    }
    let (asks, all) = (member(of.asks), of.all);
    // Whether one decides that the loop goes on, or that it ends.
    let deciding = if all {
        quote! { #asks.map(|asks| !asks) }
    } else {
        quote! { #asks }
    };
    let no_further = all.then(|| quote! { limit = made; });
    let ordered = of.ordered.map(|arg| {
        let (value, packs) = (value(arg), packs());
        quote! { odd |= #packs::is_nan(#value); }
    });
    let to_the_goal = parts.trips(&steps);
    let Parts { memory, loads, first, blank, next, stores, last, .. } = parts;
    let item = quote! {
        struct #name;
        impl #PRIVATE::native::until::Waves for #name {
            const FORM: &'static str = #text;
            const WIDE: bool = #wide;
            #[inline(always)]
            #[allow(unused, clippy::all, clippy::pedantic)]
            fn run<const W: usize>(
                mut tile: #PRIVATE::native::Tile<'_>,
                wave: #PRIVATE::native::until::Wave<'_>,
            ) -> bool {
                #(#memory)*
                let mut limit = wave.limit;
                for at in (0..tile.len()).step_by(W) {
                    let unit = #PRIVATE::native::until::UNIT;
                    let counts = &mut wave.made[at / unit..(at + W) / unit];
                    let mut made = counts[0];
                    #(#first)*
                    #(#blank)*
                    let mut left = wave.goal.saturating_sub(made) as usize;
                    made += left as u32;
                    #to_the_goal
                    while made < limit {
                        let (mut some, mut odd) = (false, false);
                        for j in 0..W {
                            #(#loads)*
                            #(#steps)*
                            #(#stores)*
                            some |= #deciding.any();
                            #ordered
                        }
                        if odd {
                            return false;
                        }
                        if some == #all {
                            break;
                        }
                        #(#next)*
                        made += 1;
                    }
                    #(#last)*
                    counts.fill(made);
                    #no_further
                }
                true
            }
        }
    };
    Some((item, quote! { #PRIVATE::native::Native::waves::<#name>() }))
}
