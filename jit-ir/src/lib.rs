//! The graph behind `jit-runtime`: pure data and functions, no tensors, no threads, no I/O.
//!
//! A [`Graph`] is a function in single-assignment form with structured control flow. The stages
//! of its way, each a module:
//!
//! * [`ops`]: the op table; one row declares an op, everything else is derived from it.
//! * [`graph`]: values, nodes and regions; [`verify`] says what holds for them.
//! * [`text`]: the text form, which parses back to an equal graph.
//! * [`link`]: called functions inlined, structs, tuples and options taken apart; [`unify`] settles
//!   element types that the source leaves open, [`tree`] says what a structured value consists of.
//! * [`merge`]: the recordings of one signature as one graph with `if`s.
//! * [`infer`]: types and sizes of every value.
//! * [`passes`]: graph to equal graph.
//! * [`interp`]: the reference interpreter, the oracle of the tests.
#![forbid(unsafe_code)]

mod copy;
pub mod data;
pub mod form;
pub mod graph;
pub mod ids;
pub mod infer;
pub mod interp;
pub mod link;
pub mod merge;
pub mod numerics;
pub mod obstacle;
pub mod ops;
pub mod passes;
pub mod pieces;
pub mod random;
pub mod scalar;
pub mod stages;
pub mod text;
pub mod tree;
pub mod trips;
pub mod types;
pub mod unify;
pub mod until;
pub mod verify;

pub use copy::{Copier, Instead};
pub use data::{Const, Data, Elements, Kept, Prim, Scalar, TensorData};
pub use graph::{Graph, Location, Node, Region};
pub use ids::{Id, NodeId, RegionId, ValueId};
pub use ops::{Attrs, Op};
pub use tree::Tree;
pub use types::{DType, Dim, Type};
