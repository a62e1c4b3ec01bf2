//! Tells valgrind's callgrind when to count, so that what comes before costs nothing: the entropy that keys are made from is
//! gathered by measuring time, and is never twice the same.

/// `CALLGRIND_START_INSTRUMENTATION` and its opposite, of valgrind's `callgrind.h`: base 'C', 'T'.
const START: u64 = ((b'C' as u64) << 24 | (b'T' as u64) << 16) + 4;
const STOP: u64 = START + 1;

pub fn start() {
    request(START);
}

pub fn stop() {
    request(STOP);
}

/// A client request (valgrind's manual, section 3.1): rotations that leave a register as it was, and an exchange of a
/// register with itself. Outside of valgrind it does nothing.
#[cfg(target_arch = "x86_64")]
fn request(code: u64) {
    let arguments: [u64; 6] = [code, 0, 0, 0, 0, 0];
    // SAFETY: no register but the result's changes, and valgrind only reads the arguments.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(),
            inout("rdx") 0_u64 => _,
            inout("rdi") 0_u64 => _,
        );
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn request(_: u64) {
    panic!("callgrind is told on x86-64 only");
}
