//! The module's memory: what the page keeps lies at the bottom, what one call needs above it, and after the call
//! that is free again. A general allocator would be a tenth of the whole module.

/// Up to where memory is in use.
#[cfg(target_arch = "wasm32")]
pub(crate) fn mark() -> usize {
    wasm::top()
}

/// Frees everything above a mark. Nothing that was made since may be used again, except to be read by the façade
/// before the next call.
#[cfg(target_arch = "wasm32")]
pub(crate) fn release(mark: usize) {
    wasm::TOP.store(mark, core::sync::atomic::Ordering::Relaxed);
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn mark() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn release(_: usize) {}

#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
mod wasm {
    use core::alloc::{GlobalAlloc, Layout};
    use core::arch::wasm32::{memory_grow, memory_size, unreachable};
    use core::panic::PanicInfo;
    use core::ptr::null_mut;
    use core::sync::atomic::AtomicUsize;
    use core::sync::atomic::Ordering::Relaxed;

    const PAGE: usize = 1 << 16;

    pub(super) static TOP: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "C" {
        /// Where the linker has left the rest of the memory to us.
        static __heap_base: u8;
    }

    pub(super) fn top() -> usize {
        match TOP.load(Relaxed) {
            0 => &raw const __heap_base as usize,
            top => top,
        }
    }

    /// Gives what comes next.
    struct Stack;

    #[global_allocator]
    static STACK: Stack = Stack;

    // SAFETY: every block lies between the linker's end and the memory's, is aligned, and overlaps no other that
    // has not been freed.
    unsafe impl GlobalAlloc for Stack {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            let start = (top() + layout.align() - 1) & !(layout.align() - 1);
            let end = start + layout.size();
            let missing = end.saturating_sub(memory_size(0) * PAGE);
            if missing > 0 && memory_grow(0, missing.div_ceil(PAGE)) == usize::MAX {
                return null_mut();
            }
            TOP.store(end, Relaxed);
            start as *mut u8
        }

        /// Does nothing: the end of the call frees everything, and without code that frees, the module is smaller.
        #[inline(always)]
        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            let top = top();
            // The last one grows where it is.
            if block as usize + layout.size() == top {
                TOP.store(block as usize, Relaxed);
            }
            let larger = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
            if larger.is_null() {
                TOP.store(top, Relaxed);
            } else if larger != block {
                unsafe { block.copy_to(larger, layout.size().min(size)) };
            }
            larger
        }
    }

    /// Nothing in the rules panics; were it otherwise, the page gets an exception.
    #[panic_handler]
    fn panic(_: &PanicInfo<'_>) -> ! {
        unreachable()
    }
}
