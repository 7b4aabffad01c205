//! The recorder: what a body does to traced tensors, and what the host sees of them.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use jit_ir::ops::Attrs;
use jit_ir::{Const, Graph, Op, Scalar, Type, ValueId};
use smallvec::SmallVec;

use super::limits::MAX_NODES;
use crate::compile::open_type;
use crate::error::{Error, Place, fail};
use crate::tensor::raw::{RawTensor, Sizes, Val};
use crate::tensor::{self, Any};

/// A tensor's place in a recording.
#[derive(Clone)]
pub(crate) struct Tag {
    recording: Arc<Recording>,
    value: ValueId,
    /// An element that the host was given for writing, and where.
    written: Option<Box<(Sizes, &'static Location<'static>)>>,
}

/// A key's place in a recording: by the recording's number, so that keys can be copied.
#[derive(Clone, Copy)]
pub(crate) struct KeyTag {
    recording: u64,
    value: ValueId,
}

/// The place of a key.
pub(crate) fn key_tag(tag: &Tag) -> KeyTag {
    KeyTag { recording: tag.recording.number, value: tag.value }
}

/// A key's place in a recording of this thread; a key that outlived its recording is plain.
pub(crate) fn tag_of_key(tag: KeyTag) -> Option<Tag> {
    RECORDINGS.with(|r| {
        let all = r.borrow();
        let recording = all.iter().flatten().find(|r| r.number == tag.recording)?;
        Some(recording.tag(tag.value))
    })
}

/// Why a recording is not replayed.
#[derive(Clone, Debug)]
pub(crate) enum Spoiled {
    /// What happened belongs to this path alone.
    Path,
    /// A replay could be wrong.
    Function {
        /// What happened.
        reason: String,
        /// What to write instead.
        advice: &'static str,
        at: Option<Place>,
    },
}

/// A recording in progress, or a finished one.
pub(crate) struct Recording {
    /// No other recording has it.
    number: u64,
    thread: ThreadId,
    open: AtomicBool,
    /// Looking at a value is an error.
    strict: bool,
    spoiled: Mutex<Option<Spoiled>>,
    recorder: Mutex<Recorder>,
}

/// Where a tensor's elements lie: buffer, offset, sizes, strides.
type Identity = (usize, usize, Vec<usize>, Vec<isize>);

struct Recorder {
    graph: Graph,
    /// Tensors from elsewhere that are constants already; they are kept, so that no other tensor
    /// takes their place in memory.
    captured: HashMap<Identity, (ValueId, RawTensor)>,
    /// Values that are guarded already.
    observed: HashSet<ValueId>,
    /// Sizes and elements asked for already, by op, value and axis.
    asked: HashMap<(Op, ValueId, Option<i64>), ValueId>,
    /// Values with an element written, by the value before, the position and the element's bits.
    written: HashMap<(ValueId, Sizes, u64), ValueId>,
    /// The file of the last op: most have the same.
    file: Option<(&'static str, Arc<str>)>,
}

thread_local! {
    /// The recordings of this thread, the current one last; `None` while the one before is suspended.
    static RECORDINGS: RefCell<Vec<Option<Arc<Recording>>>> = const { RefCell::new(Vec::new()) };
}

/// Whether this thread records.
#[inline]
pub(crate) fn is_recording() -> bool {
    RECORDINGS.with(|r| matches!(r.borrow().last(), Some(Some(_))))
}

/// Runs `body` outside of the recording of this thread, which goes on after it.
pub(crate) fn suspended<R>(body: impl FnOnce() -> R) -> R {
    struct Resume(usize);
    impl Drop for Resume {
        fn drop(&mut self) {
            RECORDINGS.with(|r| r.borrow_mut().truncate(self.0));
        }
    }
    let depth = RECORDINGS.with(|r| {
        r.borrow_mut().push(None);
        r.borrow().len() - 1
    });
    let _resume = Resume(depth);
    body()
}

/// Whether a value belongs to a recording in progress.
pub(crate) fn is_open(any: &Any) -> bool {
    any.tag.as_ref().is_some_and(|t| t.recording.is_open())
}

/// Whether a value belongs to the recording of this thread.
pub(crate) fn is_recorded(any: &Any) -> bool {
    open_recording(any).is_some()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    /// Starts recording on this thread.
    pub(crate) fn start(name: &str, strict: bool) -> Arc<Recording> {
        let recorder = Recorder {
            graph: Graph::new(name),
            captured: HashMap::new(),
            observed: HashSet::new(),
            asked: HashMap::new(),
            written: HashMap::new(),
            file: None,
        };
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let recording = Arc::new(Recording {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            thread: thread::current().id(),
            open: AtomicBool::new(true),
            strict,
            spoiled: Mutex::default(),
            recorder: Mutex::new(recorder),
        });
        RECORDINGS.with(|r| r.borrow_mut().push(Some(recording.clone())));
        recording
    }

    /// A parameter with a concrete value.
    pub(crate) fn input(self: &Arc<Self>, val: Val, name: Option<&str>) -> Any {
        let mut recorder = lock(&self.recorder);
        let body = recorder.graph.body;
        let value = recorder.graph.arg(body, open_type(&val), name);
        Any { val, tag: Some(self.tag(value)) }
    }

    /// Ends the recording with the function's results; why not, if it cannot be replayed.
    pub(crate) fn finish(self: &Arc<Self>, results: &[Any]) -> Result<Graph, Spoiled> {
        self.close();
        let mut recorder = lock(&self.recorder);
        let values: Vec<ValueId> = results.iter().map(|r| recorder.place(r, self)).collect();
        let mut graph = std::mem::replace(&mut recorder.graph, Graph::new(""));
        graph.result_types = values.iter().map(|v| graph.ty(*v).clone()).collect();
        let body = graph.body;
        graph.regions[body].results = values;
        match lock(&self.spoiled).take() {
            Some(why) => Err(why),
            None => Ok(graph),
        }
    }

    /// Ends the recording; tensors that outlive it become plain.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
        RECORDINGS.with(|r| {
            r.borrow_mut().retain(|r| r.as_ref().is_none_or(|r| r.number != self.number));
        });
    }

    fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    fn tag(self: &Arc<Self>, value: ValueId) -> Tag {
        Tag { recording: self.clone(), value, written: None }
    }

    /// The recording is not replayed; the first reason for the whole function counts.
    fn spoil(&self, why: Spoiled) {
        let mut spoiled = lock(&self.spoiled);
        if !matches!(*spoiled, Some(Spoiled::Function { .. })) {
            *spoiled = Some(why);
        }
    }

    /// Ends a recording that has grown too long: what follows runs as it is.
    fn overflow(&self, graph: &Graph) {
        let mut lines: HashMap<&jit_ir::Location, usize> = HashMap::new();
        for id in graph.nodes.ids() {
            if let Some(at) = &graph.nodes[id].location {
                *lines.entry(at).or_default() += 1;
            }
        }
        let most = lines.into_iter().max_by_key(|(_, n)| *n);
        let times = most.map_or(0, |(_, n)| n);
        self.spoil(Spoiled::Function {
            reason: format!("more than {MAX_NODES} operations were recorded, {times} of them on one line"),
            advice: "a trace unrolls loops; put the loop into a `#[script]` function, which keeps it",
            at: most.map(|(at, _)| at.into()),
        });
        self.close();
    }
}

impl Recorder {
    /// Whether a value is a size, which strict traces may look at.
    fn is_size(&self, value: ValueId) -> bool {
        let made = self.graph.definition(value);
        made.is_some_and(|id| matches!(self.graph.nodes[id].op, Op::Dim | Op::Len | Op::Rank | Op::Sizes))
    }

    fn location(&mut self, at: &Location<'static>) -> Option<jit_ir::Location> {
        let file = match &self.file {
            Some((name, file)) if std::ptr::eq(*name, at.file()) => file.clone(),
            _ => {
                let file: Arc<str> = at.file().into();
                self.file = Some((at.file(), file.clone()));
                file
            }
        };
        Some(jit_ir::Location { file, line: at.line(), column: at.column() })
    }

    /// Appends an op with one result.
    fn op(
        &mut self,
        op: Op,
        operands: Vec<ValueId>,
        attrs: Attrs,
        ty: Type,
        at: &Location<'static>,
    ) -> ValueId {
        let location = self.location(at);
        let body = self.graph.body;
        let node = self.graph.push(body, op, operands, attrs, vec![ty], location);
        self.graph.nodes[node].results[0]
    }

    /// The value that stands for one of the host's: its place in the recording, or a constant.
    fn place(&mut self, any: &Any, recording: &Arc<Recording>) -> ValueId {
        match &any.tag {
            Some(tag) if Arc::ptr_eq(&tag.recording, recording) => self.current(tag, &any.val),
            Some(tag) if tag.recording.is_open() => {
                for spoiled in [recording, &tag.recording] {
                    spoiled.spoil(Spoiled::Function {
                        reason: "a tensor of another recording, which is still in progress, is used".into(),
                        advice: "hand it over as an argument",
                        at: None,
                    });
                }
                self.capture(&any.val)
            }
            _ => self.capture(&any.val),
        }
    }

    /// A value with the element that the host wrote since.
    fn current(&mut self, tag: &Tag, val: &Val) -> ValueId {
        let (Some(written), Val::Tensor(tensor)) = (&tag.written, val) else { return tag.value };
        let (at, line) = &**written;
        let element = tensor.element(at);
        let key = (tag.value, at.clone(), element.canonical_bits());
        if let Some(value) = self.written.get(&key) {
            return *value;
        }
        let body = self.graph.body;
        let mut operands = vec![tag.value];
        operands.extend(at.iter().map(|i| self.graph.scalar(body, Scalar::Usize(*i))));
        operands.push(self.graph.scalar(body, element));
        let value = self.op(Op::SetIndex, operands, Attrs::default(), open_type(val), line);
        self.written.insert(key, value);
        value
    }

    /// A constant for a value from elsewhere.
    fn capture(&mut self, val: &Val) -> ValueId {
        let body = self.graph.body;
        let attrs = Attrs::default();
        match val {
            Val::Scalar(s) => self.graph.scalar(body, *s),
            Val::Tensor(t) => {
                let identity: Identity =
                    (t.buffer.start() as usize, t.offset, t.shape.to_vec(), t.strides.to_vec());
                if let Some((value, _)) = self.captured.get(&identity) {
                    return *value;
                }
                let value = self.graph.constant(body, Const::Tensor(Arc::new(t.to_data())));
                self.captured.insert(identity, (value, t.clone()));
                value
            }
            Val::List(list) => {
                let parts = list.iter().map(|v| self.capture(v)).collect();
                let node = self.graph.push(body, Op::List, parts, attrs, vec![open_type(val)], None);
                self.graph.nodes[node].results[0]
            }
            // Nobody reads it.
            Val::Undef | Val::Opaque(_) => {
                let node = self.graph.push(body, Op::Undef, vec![], attrs, vec![val.ty()], None);
                self.graph.nodes[node].results[0]
            }
        }
    }
}

/// The open recording that a value belongs to. One of another thread is spoiled: what happens to
/// its tensors here cannot be put in order with what happens there.
fn open_recording(any: &Any) -> Option<&Arc<Recording>> {
    let tag = any.tag.as_ref()?;
    if !tag.recording.is_open() {
        return None;
    }
    if tag.recording.thread != thread::current().id() {
        tag.recording.spoil(Spoiled::Function {
            reason: "a traced tensor was used on another thread".into(),
            advice: "take its values out with `to_vec` first, or call the traced function on that thread",
            at: None,
        });
        return None;
    }
    Some(&tag.recording)
}

/// Records an op with one result, if an operand belongs to an open recording.
pub(crate) fn record(op: Op, attrs: Attrs, args: &[&Any], val: &Val, at: &Location<'static>) -> Option<Tag> {
    let recording = args.iter().filter_map(|a| open_recording(a)).next()?.clone();
    let mut recorder = lock(&recording.recorder);
    if recorder.graph.nodes.len() >= MAX_NODES {
        recording.overflow(&recorder.graph);
        return None;
    }
    let operands: Vec<ValueId> = args.iter().map(|a| recorder.place(a, &recording)).collect();
    let question = match (op, &operands[..]) {
        (Op::Dim | Op::Len | Op::Rank | Op::Item, [x]) => {
            Some((op, *x, attrs.axes.as_ref().and_then(|a| a.first().copied())))
        }
        _ => None,
    };
    if let Some(value) = question.and_then(|q| recorder.asked.get(&q).copied()) {
        drop(recorder);
        return Some(recording.tag(value));
    }
    let open = operands.iter().any(|v| has_open_rank(recorder.graph.ty(*v)));
    let ty = match val {
        Val::Tensor(t) if open => Type::tensor(t.dtype),
        _ => open_type(val),
    };
    let value = recorder.op(op, operands, attrs, ty, at);
    recorder.asked.extend(question.map(|q| (q, value)));
    drop(recorder);
    Some(recording.tag(value))
}

/// Whether a value of this type may have another rank in a replay: what a script gives, and what is made of it.
fn has_open_rank(ty: &Type) -> bool {
    match ty {
        Type::Tensor(_, dims) => dims.is_none(),
        Type::List(element) => has_open_rank(element),
        Type::Hole => true,
        _ => false,
    }
}

/// Records the body of a graph with these arguments; gives its results' places.
pub(crate) fn inline(graph: &Graph, args: &[Any]) -> Option<Vec<Tag>> {
    let recording = args.iter().filter_map(open_recording).next()?.clone();
    let mut recorder = lock(&recording.recorder);
    if recorder.graph.nodes.len() + graph.nodes.len() > MAX_NODES {
        recording.overflow(&recorder.graph);
        return None;
    }
    let operands: Vec<ValueId> = args.iter().map(|a| recorder.place(a, &recording)).collect();
    let body = recorder.graph.body;
    let results = recorder.graph.inline(body, graph, &operands);
    drop(recorder);
    Some(results.into_iter().map(|v| recording.tag(v)).collect())
}

/// What is recorded is not replayed: an op or call of these arguments failed, and the host may go on. Where it
/// does not fail a replay would be wrong.
pub(crate) fn failed<'a>(args: impl IntoIterator<Item = &'a Any>) {
    if let Some(recording) = args.into_iter().filter_map(open_recording).next() {
        recording.spoil(Spoiled::Path);
    }
}

/// The host sees a value: a replay is right only where it is the same.
pub(crate) fn observe(any: &Any, at: &'static Location<'static>) {
    let Some(recording) = open_recording(any).cloned() else { return };
    let (Some(tag), Some(expected)) = (&any.tag, any.val.to_const()) else { return };
    let mut recorder = lock(&recording.recorder);
    let value = recorder.current(tag, &any.val);
    if recording.strict && !recorder.is_size(value) {
        drop(recorder);
        let message = "a strict trace may not look at the value of a tensor: write the branch as `#[script]`, or as \
                       `select`; `#[trace]` without `strict` records each path";
        fail(Error::Compile { message: message.into(), at: Some(at.into()) });
    }
    if !recorder.observed.insert(value) {
        return;
    }
    let location = recorder.location(at);
    let body = recorder.graph.body;
    let attrs = Attrs { value: Some(expected), ..Attrs::default() };
    recorder.graph.push(body, Op::Guard, vec![value], attrs, vec![], location);
}

/// Whether the rank of a recorded value may differ in a replay: of a script's result.
pub(crate) fn rank_is_open(any: &Any) -> bool {
    let Some(recording) = open_recording(any) else { return false };
    let Some(tag) = &any.tag else { return false };
    has_open_rank(lock(&recording.recorder).graph.ty(tag.value))
}

/// The host is given an element for writing. It sees what the element was.
pub(crate) fn element_written(any: &mut Any, place: &[usize], at: &'static Location<'static>) {
    let Some(recording) = open_recording(any).cloned() else {
        any.tag = None;
        return;
    };
    let Some(tag) = &any.tag else { return };
    let value = lock(&recording.recorder).current(tag, &any.val);
    any.tag = Some(recording.tag(value));
    let places: SmallVec<[Any; 4]> = place.iter().map(|i| Scalar::Usize(*i).into()).collect();
    {
        let args: SmallVec<[&Any; 5]> = std::iter::once(&*any).chain(&places).collect();
        tensor::ask_at(Op::Index, Attrs::default(), &args, at);
    }
    if let Some(tag) = &mut any.tag {
        tag.written = Some(Box::new((Sizes::from_slice(place), at)));
    }
}

/// The host sees something of a value that no guard can hold: its recording is not replayed.
pub(crate) fn spoil(any: &Any, reason: &str, advice: &'static str, at: &'static Location<'static>) {
    if let Some(recording) = open_recording(any) {
        recording.spoil(Spoiled::Function { reason: reason.into(), advice, at: Some(at.into()) });
    }
}
