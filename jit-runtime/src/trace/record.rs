//! The recorder: what a body does to traced tensors, and what the host sees of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use jit_ir::ops::Attrs;
use jit_ir::{Const, Graph, Op, Type, ValueId};

use crate::error::{Error, fail};
use crate::tensor::Any;
use crate::tensor::raw::{RawTensor, Val};

/// A tensor's place in a recording.
#[derive(Clone)]
pub(crate) struct Tag {
    recording: Arc<Recording>,
    value: ValueId,
}

/// A key's place in a recording: by the recording's address, so that keys can be copied.
#[derive(Clone, Copy)]
pub(crate) struct KeyTag {
    recording: usize,
    value: ValueId,
}

/// The place of a key.
pub(crate) fn key_tag(tag: &Tag) -> KeyTag {
    KeyTag { recording: Arc::as_ptr(&tag.recording) as usize, value: tag.value }
}

/// A key's place in the recording of this thread; a key that outlived its recording is plain.
pub(crate) fn tag_of_key(tag: KeyTag) -> Option<Tag> {
    CURRENT.with(|c| {
        let current = c.borrow();
        let recording = current.as_ref().filter(|r| Arc::as_ptr(r) as usize == tag.recording)?;
        Some(Tag { recording: recording.clone(), value: tag.value })
    })
}

/// A recording in progress, or a finished one.
pub(crate) struct Recording {
    thread: ThreadId,
    open: AtomicBool,
    /// Whether looking at a value is an error.
    strict: bool,
    /// Something happened that a replay could not repeat.
    spoiled: Mutex<Option<String>>,
    recorder: Mutex<Recorder>,
}

/// Where a tensor's elements lie: buffer, offset, sizes, strides.
type Identity = (usize, usize, Vec<usize>, Vec<isize>);

struct Recorder {
    graph: Graph,
    /// Tensors from elsewhere that are constants already; they are kept, so that no other tensor
    /// takes their place in memory.
    captured: HashMap<Identity, (ValueId, RawTensor)>,
    /// Host scalars that are guarded already.
    observed: Vec<ValueId>,
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Recording>>> = const { RefCell::new(None) };
}

/// Whether this thread records.
pub(crate) fn is_recording() -> bool {
    CURRENT.with(|c| c.borrow().is_some())
}

/// Whether a value belongs to a recording in progress.
pub(crate) fn is_open(any: &Any) -> bool {
    any.tag.as_ref().is_some_and(|t| t.recording.open.load(Ordering::Acquire))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn location(at: &Location<'_>) -> Option<jit_ir::Location> {
    Some(jit_ir::Location { file: at.file().into(), line: at.line(), column: at.column() })
}

/// The type of a concrete value as a recording knows it: sizes stay open.
pub(crate) fn open_type(val: &Val) -> Type {
    match val {
        Val::Tensor(t) => Type::ranked(t.dtype, t.rank()),
        other => other.ty(),
    }
}

impl Recording {
    /// Starts recording on this thread.
    pub(crate) fn start(name: &str, strict: bool) -> Arc<Recording> {
        let recorder = Recorder { graph: Graph::new(name), captured: HashMap::new(), observed: Vec::new() };
        let recording = Arc::new(Recording {
            thread: thread::current().id(),
            open: AtomicBool::new(true),
            strict,
            spoiled: Mutex::default(),
            recorder: Mutex::new(recorder),
        });
        CURRENT.with(|c| *c.borrow_mut() = Some(recording.clone()));
        recording
    }

    /// A parameter with a concrete value.
    pub(crate) fn input(self: &Arc<Self>, val: Val, name: Option<&str>) -> Any {
        let mut recorder = lock(&self.recorder);
        let body = recorder.graph.body;
        let value = recorder.graph.arg(body, open_type(&val), name);
        Any { val, tag: Some(Tag { recording: self.clone(), value }) }
    }

    /// Ends the recording with the function's results; the reason if it cannot be replayed.
    pub(crate) fn finish(self: &Arc<Self>, results: &[Any]) -> Result<Graph, String> {
        self.close();
        let mut recorder = lock(&self.recorder);
        let mut values = Vec::new();
        for result in results {
            let value = match &result.tag {
                Some(tag) if Arc::ptr_eq(&tag.recording, self) => tag.value,
                _ => recorder.capture(&result.val).ok_or("a result was never set")?,
            };
            values.push(value);
        }
        let types = values.iter().map(|v| recorder.graph.ty(*v).clone()).collect();
        let body = recorder.graph.body;
        recorder.graph.regions[body].results = values;
        recorder.graph.result_types = types;
        match lock(&self.spoiled).take() {
            Some(reason) => Err(reason),
            None => Ok(recorder.graph.clone()),
        }
    }

    /// Ends the recording; tensors that outlive it become plain.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
        CURRENT.with(|c| c.borrow_mut().take_if(|r| std::ptr::eq(Arc::as_ptr(r), self)));
    }

    fn spoil(&self, reason: impl Into<String>) {
        lock(&self.spoiled).get_or_insert(reason.into());
    }
}

impl Recorder {
    /// Whether a value is a size, which strict traces may look at.
    fn is_size(&self, value: ValueId) -> bool {
        let made = self.graph.nodes.ids().find(|id| self.graph.nodes[*id].results == [value]);
        made.is_some_and(|id| matches!(self.graph.nodes[id].op, Op::Dim | Op::Len | Op::Rank | Op::Sizes))
    }

    /// A constant for a value from elsewhere.
    fn capture(&mut self, val: &Val) -> Option<ValueId> {
        let body = self.graph.body;
        match val {
            Val::Tensor(t) => {
                let identity: Identity =
                    (t.buffer.start() as usize, t.offset, t.shape.to_vec(), t.strides.to_vec());
                if let Some((value, _)) = self.captured.get(&identity) {
                    return Some(*value);
                }
                let value = self.graph.constant(body, Const::Tensor(Arc::new(t.to_data())));
                self.captured.insert(identity, (value, t.clone()));
                Some(value)
            }
            other => Some(self.graph.constant(body, other.to_const()?)),
        }
    }
}

/// The open recording that a value belongs to. One of another thread is spoiled: what happens to
/// its tensors here cannot be put in order with what happens there.
fn open_recording(any: &Any) -> Option<&Arc<Recording>> {
    let tag = any.tag.as_ref()?;
    if !tag.recording.open.load(Ordering::Acquire) {
        return None;
    }
    if tag.recording.thread != thread::current().id() {
        tag.recording.spoil("a traced tensor was used on another thread");
        return None;
    }
    Some(&tag.recording)
}

/// Records an op with one result, if an operand belongs to an open recording.
pub(crate) fn record(op: Op, attrs: Attrs, args: &[&Any], val: &Val, at: &Location<'_>) -> Option<Tag> {
    let recording = args.iter().filter_map(|a| open_recording(a)).next()?.clone();
    let mut recorder = lock(&recording.recorder);
    let mut operands = Vec::with_capacity(args.len());
    for arg in args {
        operands.push(match &arg.tag {
            Some(tag) if Arc::ptr_eq(&tag.recording, &recording) => tag.value,
            _ => recorder.capture(&arg.val)?,
        });
    }
    let body = recorder.graph.body;
    let node = recorder.graph.push(body, op, operands, attrs, vec![open_type(val)], location(at));
    let value = recorder.graph.nodes[node].results[0];
    drop(recorder);
    Some(Tag { recording, value })
}

/// The host sees a value: a replay is right only where it is the same.
pub(crate) fn observe(any: &Any, at: &Location<'_>) {
    let Some(recording) = open_recording(any).cloned() else { return };
    let Some(tag) = &any.tag else { return };
    let Some(expected) = any.val.to_const() else { return };
    let mut recorder = lock(&recording.recorder);
    if recording.strict && !recorder.is_size(tag.value) {
        drop(recorder);
        let message = "a strict trace may not look at the value of a tensor: write the branch as `#[script]`, or as \
                       `select`; `#[trace]` without `strict` records each path";
        fail(Error::Compile { message: message.into(), at: Some(at.into()) });
    }
    if let Val::Scalar(_) = any.val {
        if recorder.observed.contains(&tag.value) {
            return;
        }
        recorder.observed.push(tag.value);
    }
    let body = recorder.graph.body;
    let attrs = Attrs { value: Some(expected), ..Attrs::default() };
    recorder.graph.push(body, Op::Guard, vec![tag.value], attrs, vec![], location(at));
}

/// The host sees something of a value that no guard can hold: its recording is not replayed.
pub(crate) fn spoil(any: &Any, reason: &str, at: &Location<'_>) {
    if let Some(recording) = open_recording(any) {
        recording.spoil(format!("{reason} (at {}:{}:{})", at.file(), at.line(), at.column()));
    }
}
