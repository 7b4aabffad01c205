//! Buffers: aligned memory, recycled when large.
//!
//! A fresh page costs several times the work of writing it, so buffers of [`RECYCLED`] bytes and
//! more go to a bounded free list when they are dropped. Smaller ones stay with the view that they were made for
//! (`shared.rs`): an aligned allocation costs more than the work on a few elements.

use std::alloc::{Layout, alloc, dealloc};
use std::any::Any;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

use jit_ir::Prim;

use crate::error::{Error, fail};

/// Alignment of every buffer: a cache line, and the widest vector.
const ALIGN: usize = 64;
/// Capacities are multiples of this, so that kernels may work on whole groups of 64 elements.
const GRAIN: usize = 512;
/// Buffers of at least so many bytes are recycled.
const RECYCLED: usize = 32 << 10;
/// Buffers of at least so many bytes always go to the free list.
const LARGE: usize = 1 << 20;
/// How many classes of smaller buffers there are.
pub(super) const SMALL: usize = RECYCLED / GRAIN;
/// Size and alignment of the pages that large blocks ask for: fewer page faults, and fewer misses of the cache of addresses.
const HUGE_PAGE: usize = 2 << 20;
/// Bytes that the free list holds at most.
const FREE_LIMIT: usize = 512 << 20;

/// A block of memory with room for [`GRAIN`] bytes more than asked for: kernels work on whole groups
/// of elements and may read and write past the last one. Those bytes are initialised
/// at once.
pub(crate) struct Block {
    start: NonNull<u8>,
    capacity: usize,
    /// Who else's memory it is, if so: it is read only, and has no room to spare.
    owner: Option<Owner>,
}

/// Whoever frees the memory of a block that is not ours.
struct Owner {
    _kept: Box<dyn Any + Send + Sync>,
}

// It is dropped, and not used otherwise: a panic leaves nothing half done in it.
impl std::panic::UnwindSafe for Owner {}
impl std::panic::RefUnwindSafe for Owner {}

// SAFETY: a block is plain memory, owned by one `Block`; shared access only reads.
unsafe impl Send for Block {}
// SAFETY: as above; writing needs `&mut Block` or a unique `Buffer`.
unsafe impl Sync for Block {}

struct FreeList {
    blocks: Vec<(NonNull<u8>, usize)>,
    bytes: usize,
}

// SAFETY: the list owns the memory that it points to.
unsafe impl Send for FreeList {}

static FREE: Mutex<FreeList> = Mutex::new(FreeList { blocks: Vec::new(), bytes: 0 });

/// Rounds up to a size class: multiples of [`GRAIN`], for large blocks eighths of a power of two.
fn class(bytes: usize) -> usize {
    let grain = if bytes < RECYCLED { GRAIN } else { (bytes.next_power_of_two() / 16).max(GRAIN) };
    bytes.max(1).div_ceil(grain) * grain
}

fn layout(capacity: usize) -> Layout {
    let align = if capacity >= HUGE_PAGE { HUGE_PAGE } else { ALIGN };
    Layout::from_size_align(capacity, align).unwrap_or_else(|_| too_large(capacity))
}

/// Memory for a block.
fn allocate(capacity: usize) -> Option<NonNull<u8>> {
    // SAFETY: the layout's size is not zero.
    let start = NonNull::new(unsafe { alloc(layout(capacity)) })?;
    #[cfg(target_os = "linux")]
    if capacity >= HUGE_PAGE {
        let whole = capacity / HUGE_PAGE * HUGE_PAGE;
        // SAFETY: the range was just allocated and begins at such a page; the advice changes no content. A kernel that
        // does not take it says so, which changes nothing either.
        unsafe { libc::madvise(start.as_ptr().cast(), whole, libc::MADV_HUGEPAGE) };
    }
    Some(start)
}

/// Ends the op with an error.
fn too_large(bytes: usize) -> ! {
    let message = format!("a tensor of {bytes} bytes does not fit into memory");
    fail(Error::Op { op: "allocate", message, at: None })
}

impl Block {
    /// A block of a class; what the caller may read past `bytes` is initialised.
    fn new(capacity: usize, bytes: usize) -> Block {
        let recycled = if capacity >= RECYCLED { take_free(capacity) } else { None };
        let start = recycled.or_else(|| allocate(capacity)).unwrap_or_else(|| too_large(bytes));
        // A small block is handed on for any number of bytes.
        let from = if capacity >= RECYCLED { bytes } else { 0 };
        let to = if capacity >= RECYCLED { bytes + GRAIN } else { capacity };
        // SAFETY: `to` is at most the capacity, which is at least `bytes + GRAIN`.
        unsafe { start.as_ptr().add(from).write_bytes(0, to - from) };
        Block { start, capacity, owner: None }
    }
}

fn take_free(capacity: usize) -> Option<NonNull<u8>> {
    let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
    let at = free.blocks.iter().rposition(|b| b.1 == capacity)?;
    let (start, _) = free.blocks.remove(at);
    free.bytes -= capacity;
    Some(start)
}

impl Drop for Block {
    fn drop(&mut self) {
        if self.owner.is_some() {
            return;
        }
        if self.capacity >= RECYCLED {
            let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
            if free.bytes + self.capacity <= FREE_LIMIT {
                free.bytes += self.capacity;
                free.blocks.push((self.start, self.capacity));
                return;
            }
        }
        // SAFETY: allocated with this layout, and not on the free list.
        unsafe { dealloc(self.start.as_ptr(), layout(self.capacity)) }
    }
}

/// A shared block. No weak references to it are made.
#[derive(Clone)]
pub(crate) struct Buffer(Arc<Block>);

impl Buffer {
    /// A buffer of at least so many bytes, to be written before it is read.
    pub(crate) fn new(bytes: usize) -> Buffer {
        if bytes > isize::MAX as usize / 2 {
            too_large(bytes);
        }
        Buffer(Arc::new(Block::new(class(bytes + GRAIN), bytes)))
    }

    /// Whether a thread keeps a few of the buffers for so many bytes, with the sizes that they have.
    pub(super) fn is_middle(bytes: usize) -> bool {
        (RECYCLED - GRAIN..LARGE - GRAIN).contains(&bytes)
    }

    /// Whether it is one of those, and nobody else holds it.
    pub(super) fn kept_in_middle(&self) -> bool {
        (RECYCLED..LARGE).contains(&self.0.capacity) && self.0.owner.is_none() && self.is_unique()
    }

    /// The class of small buffers for so many bytes, if they are few.
    pub(super) fn small(bytes: usize) -> Option<usize> {
        (bytes < RECYCLED - GRAIN).then(|| (bytes + GRAIN).div_ceil(GRAIN))
    }

    /// The class of small buffers that it belongs to, if it is one and nobody else holds it.
    pub(super) fn kept_as(&self) -> Option<usize> {
        (self.0.capacity < RECYCLED && self.is_unique()).then(|| self.0.capacity / GRAIN)
    }

    /// The memory of a vector, without a copy. It is never written.
    pub(crate) fn of_vec<T: Prim>(data: Vec<T>) -> Buffer {
        let capacity = size_of_val(data.as_slice());
        let start = NonNull::from(data.as_slice()).cast();
        Buffer(Arc::new(Block { start, capacity, owner: Some(Owner { _kept: Box::new(data) }) }))
    }

    /// A range of a mapped file, without a copy. It is never written.
    #[cfg(feature = "safetensors")]
    pub(crate) fn of_map(map: &Arc<memmap2::Mmap>, range: std::ops::Range<usize>) -> Buffer {
        let bytes = &map[range];
        let (start, capacity) = (NonNull::from(bytes).cast(), bytes.len());
        let owner = Some(Owner { _kept: Box::new(map.clone()) });
        Buffer(Arc::new(Block { start, capacity, owner }))
    }

    /// The first byte.
    pub(crate) fn start(&self) -> *mut u8 {
        self.0.start.as_ptr()
    }

    /// Bytes that may be touched.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Whether nobody else holds the block, and it may be written; so it stays while the caller lets nobody clone it.
    pub(super) fn is_unique(&self) -> bool {
        let unique = Arc::strong_count(&self.0) == 1 && self.0.owner.is_none();
        if unique {
            // What another thread did before it dropped its reference has happened.
            fence(Ordering::Acquire);
        }
        unique
    }

    /// The elements `offset..offset + len`.
    ///
    /// # Safety
    /// They lie within the block, were written as `T`, and nobody writes them meanwhile.
    pub(crate) unsafe fn slice<T>(&self, offset: usize, len: usize) -> &[T] {
        debug_assert!((offset + len) * size_of::<T>() <= self.capacity());
        // SAFETY: by the caller; the start is aligned for every element type.
        unsafe { std::slice::from_raw_parts(self.start().cast::<T>().add(offset), len) }
    }
}

/// A file's bytes as memory, read when they are touched.
#[cfg(feature = "safetensors")]
pub(crate) fn map(file: &std::fs::File) -> std::io::Result<memmap2::Mmap> {
    // SAFETY: that nobody changes the file meanwhile is said to the user where it is opened; no more than numbers
    // would change.
    unsafe { memmap2::Mmap::map(file) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_large_ones_recycled() {
        for bytes in [0, 1, 511, 513, 40_000, 1 << 20] {
            let buffer = Buffer::new(bytes);
            assert!(buffer.capacity() >= bytes && buffer.capacity().is_multiple_of(GRAIN));
            assert_eq!(buffer.start() as usize % ALIGN, 0);
        }
        let large = Buffer::new(3 * HUGE_PAGE);
        assert_eq!(large.start() as usize % HUGE_PAGE, 0);
        // An odd size that no other test uses.
        let bytes = 7_654_321;
        let first = Buffer::new(bytes).start() as usize;
        assert_eq!(Buffer::new(bytes).start() as usize, first);
    }

    #[test]
    fn adopted_memory_is_shared_and_never_written() {
        let data = vec![1.0_f32, 2.0, 3.0];
        let start = data.as_ptr() as usize;
        let buffer = Buffer::of_vec(data);
        assert_eq!((buffer.start() as usize, buffer.capacity()), (start, 12));
        assert!(!buffer.is_unique());
        drop(buffer.clone());
        // SAFETY: three `f32` lie there.
        assert_eq!(unsafe { buffer.slice::<f32>(0, 3) }, [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_shared_buffer_is_not_unique() {
        let a = Buffer::new(8);
        assert!(a.is_unique());
        let b = a.clone();
        assert!(!a.is_unique());
        drop(b);
        assert!(a.is_unique());
    }
}
