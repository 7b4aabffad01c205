//! How far recordings may grow. Past a limit a function runs as it is, and a warning says so once.

/// Operations in one recording.
pub(crate) const MAX_NODES: usize = 10_000;
/// Operations in all recordings of a signature.
pub(crate) const MAX_TREE_NODES: usize = 50_000;
/// Recordings of a signature.
pub(crate) const MAX_PATHS: usize = 64;
/// Bytes of constants that the recordings of a signature keep besides those of the first one.
pub(crate) const MAX_KEPT_BYTES: usize = 256 << 20;
/// Signatures of a function; beyond them the one that was not used for longest makes room.
pub(crate) const MAX_SIGNATURES: usize = 64;
/// Signatures met once since the cache was full: only one that comes again takes another's place.
pub(crate) const MAX_WAITING: usize = 16;
/// Recordings in a row that could not be kept, after which a signature is not recorded any more.
pub(crate) const MAX_FUTILE: u32 = 8;
/// Values of a float argument after which a warning says to pass a tensor.
pub(crate) const MANY_FLOATS: usize = 3;
/// Operations of a trace that are inlined where a script calls it.
pub(crate) const MAX_INLINED_NODES: usize = 2_000;
/// Guards of a trace that is inlined: each becomes a branch inside the one before.
pub(crate) const MAX_INLINED_GUARDS: usize = 32;
/// Signatures of a trace that are inlined at one call.
pub(crate) const MAX_INLINED: usize = 4;
/// How often a plan is made anew because a trace that it calls has other recordings.
pub(crate) const MAX_RENEWALS: usize = 16;
