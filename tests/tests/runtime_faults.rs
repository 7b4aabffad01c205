//! What users met that was slow, silent, unhandy or unclear outside of graphs: elements read on the host, warnings that
//! nobody saw, conversions, printing, the lines and names in messages.

#[path = "runtime_faults/conversions.rs"]
mod conversions;
#[path = "runtime_faults/host_reads.rs"]
mod host_reads;
#[path = "runtime_faults/messages.rs"]
mod messages;
#[path = "runtime_faults/warnings.rs"]
mod warnings;
